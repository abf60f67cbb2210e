"""Policies of a study reach the numbers that its trials train and are checked with."""

import pytest
from pydantic import TypeAdapter

from parametrization.rules.policies import Policies
from tests.workers.specs import gpt, hyperparameters, model_spec, trial_spec
from workers.training.model_shapes import model_scalings
from workers.training.trial import new_trial

POLICIES = TypeAdapter(Policies)
FAMILY = gpt(depth=2)


def numbers(**choices: object) -> dict[str, tuple[float, float, float | None]]:
    """Rate, decay and epsilon of every tensor, four times the base width."""
    spec = model_spec(FAMILY, width=64).model_copy(
        update={"policies": TypeAdapter(Policies).validate_python(choices)}
    )
    given = hyperparameters("adamw")
    return {
        one.name: (one.learning_rate, one.weight_decay, one.epsilon)
        for one in model_scalings(spec, "adamw", given)
    }


@pytest.mark.parametrize(
    ("choices", "tensor", "factors"),
    [
        ({"embedding_lr_rule": "sqrt"}, "token.weight", (0.5, 2.0, 1.0)),
        ({"weight_decay_rule": "wd-b"}, "blocks.1.attention.qkv.weight", (1.0, 0.25, 1.0)),
        ({"weight_decay_rule": "wd-d"}, "blocks.1.attention.qkv.weight", (1.0, 0.25, 1.0)),
        ({"epsilon_rule": "constant"}, "blocks.0.feed_forward.up.weight", (1.0, 1.0, 4.0)),
        ({"epsilon_rule": "matrices"}, "readout.weight", (1.0, 1.0, 4.0)),
    ],
)
def test_a_policy_moves_the_numbers_that_it_is_about(
    choices: dict[str, str], tensor: str, factors: tuple[float, float, float]
) -> None:
    usual, chosen = numbers()[tensor], numbers(**choices)[tensor]
    for before, after, factor in zip(usual, chosen, factors, strict=True):
        assert before is not None
        assert after == pytest.approx(factor * before)


def test_depth_and_horizon_policies_leave_proxies_alone() -> None:
    assert numbers(depth_rule="none", horizon_rule="none", alpha=0.5) == numbers()


def test_a_trial_trains_at_the_rates_of_its_policies() -> None:
    def rates(**choices: object) -> list[float]:
        model = model_spec(FAMILY, width=64).model_copy(
            update={"policies": TypeAdapter(Policies).validate_python(choices)}
        )
        return sorted(set(new_trial(trial_spec(model=model)).peak_rates))

    usual = rates()
    assert rates(embedding_lr_rule="sqrt") == pytest.approx(sorted([*usual, max(usual) / 2]))
