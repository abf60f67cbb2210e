"""A trial of another batch or duration trains with the numbers that the rules give it there."""

import pytest

from parametrization.rules.horizon import scaled_memory
from tests.workers.specs import TINY_MLP, model_spec, trial_spec
from tuner.engine.orders import TrialSpec
from workers.cohort.tensor_updates import numbers_of
from workers.training.trial import new_trial


def in_cell(batch: float, tokens: float) -> TrialSpec:
    model = model_spec(TINY_MLP)
    mults = {"batch_multiplier": batch, "token_multiplier": tokens}
    return trial_spec(model=model.model_copy(update=mults))


def test_rates_and_memories_follow_the_rules_of_batch_and_tokens() -> None:
    own, other = new_trial(in_cell(1, 1)), new_trial(in_cell(2, 8))
    assert other.peak_rates == pytest.approx([rate * 0.5 for rate in own.peak_rates])
    for before, after in zip(own.optimizer.param_groups, other.optimizer.param_groups, strict=True):
        expected = [scaled_memory("beta", beta, 2 / 8).beta for beta in before["betas"]]
        assert after["betas"] == pytest.approx(expected)
        assert after["eps"] == pytest.approx(2 * before["eps"])


def test_a_cohort_takes_the_same_numbers() -> None:
    other = new_trial(in_cell(2, 8))
    (group, *_) = other.optimizer.param_groups
    for numbers in numbers_of(other).values():
        assert (numbers["beta1"], numbers["beta2"]) == group["betas"]
