"""The coordinate check on image families: right under muP, wrong under the standard rule."""

import pytest

from parametrization.check.thresholds import WRONG
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.optimizers.registry import declared
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import Role
from tests.workers.specs import hyperparameters, model_spec
from tuner.spec.families.dit import Dit
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.unet import Unet
from tuner.spec.families.vit import Vit
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.model_shapes import model_shape
from workers.training.objective import objective

Case = tuple[ModelFamily, tuple[int, ...], int]
"""Widths and a batch size that suffice, in a second or two."""
RESNET: Case = (Resnet(name="resnet", depth=1), (16, 32, 64, 128), 8)
VIT: Case = (Vit(name="vit", depth=1, head_size=8), (32, 64, 128), 8)
UNET: Case = (Unet(name="unet", depth=2), (16, 32, 64), 8)
DIT: Case = (Dit(name="dit", depth=1), (64, 128, 256), 4)


def checked(case: Case, parametrization: Parametrization, optimizer: str = "adamw") -> CheckVerdict:
    family, widths, batch_size = case
    spec = model_spec(family, width=widths[0], base_width=widths[0])
    shape, data = model_shape(spec), load_data(spec)
    numbers = hyperparameters(
        optimizer, learning_rate=declared(optimizer).check_learning_rate, weight_decay=0.0
    )
    return check_width(
        lambda width: CheckedTraining(
            lambda: build_model(spec, width=width),
            objective(family).training,
            lambda seed, step: data.batch(seed, step, batch_size),
        ),
        lambda width: scale(
            shape,
            numbers,
            Multipliers(width / shape.base_width),
            optimizer=optimizer,
            parametrization=parametrization,
        ),
        shape,
        optimizer=optimizer,
        widths=widths,
    )


@pytest.mark.parametrize("case", [RESNET, VIT, UNET, DIT], ids=lambda case: case[0].name)
def test_mup_passes(case: Case) -> None:
    verdict = checked(case, Parametrization.MUP)
    assert verdict.passed is True, verdict.summary


@pytest.mark.parametrize("case", [RESNET, DIT], ids=lambda case: case[0].name)
def test_the_standard_rule_fails_in_every_hidden_map_and_the_readout(case: Case) -> None:
    """Those that modulate the DiT's blocks too; benchmarks.checks has all families."""
    verdict = checked(case, Parametrization.SP)
    wide = [t for t in verdict.tensors if t.role in (Role.HIDDEN, Role.OUTPUT)]
    slopes = {t.tensor: t.update_slope for t in wide if t.update_slope is not None}
    assert verdict.passed is False
    assert {name for name, slope in slopes.items() if slope < WRONG} == set()
    assert len(slopes) >= 3
