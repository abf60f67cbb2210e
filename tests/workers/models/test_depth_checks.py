"""The coordinate check over depth, on the families as studies build them.

benchmarks.checks.coordinate_checks has depths up to 16 and more families.
"""

import pytest

from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_depth
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.optimizers.registry import declared
from parametrization.rules.depth import DepthRule
from parametrization.rules.policies import Policies
from tests.workers.specs import TINY_RESNET, gpt, hyperparameters, model_spec
from tuner.engine.orders import ModelSpec
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.model_shapes import model_scalings, model_shape
from workers.training.objective import batch_loss

FAMILIES: list[ModelFamily] = [gpt(), TINY_RESNET]
DEPTHS = (2, 4, 8)


def checked(family: ModelFamily, rule: str) -> CheckVerdict:
    policies = Policies(depth_rule=DepthRule(rule))
    data = load_data(model_spec(family))
    numbers = hyperparameters(
        "adamw", learning_rate=declared("adamw").check_learning_rate, weight_decay=0.0
    )

    def at(depth: int) -> ModelSpec:
        deep = family.model_copy(update={"depth": depth})
        spec = model_spec(deep, width=32, base_width=32)
        return spec.model_copy(update={"base_depth": DEPTHS[0], "policies": policies})

    return check_depth(
        lambda depth: CheckedTraining(
            lambda: build_model(at(depth)),
            batch_loss,
            lambda seed, step: data.batch(seed, step, 8),
        ),
        lambda depth: model_scalings(at(depth), "adamw", numbers),
        lambda depth: model_shape(at(depth)),
        optimizer="adamw",
        depths=DEPTHS,
    )


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_completep_moves_deep_models_by_a_depth_free_amount(family: ModelFamily) -> None:
    verdict = checked(family, "completep")
    assert verdict.passed is True, verdict.summary


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_without_a_rule_the_stream_moves_more_in_deeper_models(family: ModelFamily) -> None:
    verdict = checked(family, "none")
    assert verdict.passed is False
    assert "residual stream: update grows like depth^" in verdict.summary
    assert "a missing 1/depth multiplier on the residual branches" in verdict.summary
