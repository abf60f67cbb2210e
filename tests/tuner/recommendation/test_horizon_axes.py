"""Batch and tokens of a target: optimizers without a rule, borrowed rules, tested ranges."""

from typing import Any

import pytest

from tests.tuner.builders import hyperparameters, snapshot, spec, study, trial
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import BLOCKS, TOKENS, axis, known, led_by, reason


@pytest.mark.parametrize("optimizer", ["sgd", "soap", "lamb"])
def test_an_optimizer_without_a_row_keeps_its_numbers_and_abstains(optimizer: str) -> None:
    one = led_by(optimizer)
    usual, answer = recommend(one), recommend(one, batch_size=32)
    assert axis(answer, "batch").basis == "not_transferable"
    assert "complete-d has no row for" in axis(answer, "batch").words
    assert answer.groups == usual.groups
    assert reason(answer, "batch").severity == "abstain"


def test_a_rule_at_equal_tokens_moves_the_batch_and_not_the_tokens() -> None:
    one = led_by("sgd", policies={"horizon_rule": "linear"})
    answer = recommend(one, batch_size=32, tokens=2 * TOKENS)
    assert axis(answer, "batch").basis == "empirical"
    assert axis(answer, "tokens").basis == "not_transferable"
    assert "holds the number of tokens still" in axis(answer, "tokens").words
    assert answer.multipliers.batch == 2
    assert answer.multipliers.tokens == 1


def test_a_rule_borrowed_from_another_optimizer_is_extrapolated() -> None:
    answer = recommend(led_by("lion"), batch_size=32)
    assert axis(answer, "batch").basis == "extrapolated"
    assert "Adam's row" in axis(answer, "batch").words


def test_the_weakest_of_lead_and_companion_counts() -> None:
    answer = recommend(led_by("muon_spectral"), batch_size=32)
    assert axis(answer, "batch").basis == "extrapolated"
    assert recommend(led_by("kfac"), batch_size=32).multipliers.batch == 1


@pytest.mark.parametrize(
    ("asked", "moved", "beyond", "severity"),
    [
        ({"batch_size": 64}, "batch", 1.0, "caution"),
        ({"batch_size": 128}, "batch", 2.0, "caution"),
        ({"batch_size": 128, "tokens": 10 * TOKENS}, "batch", 2.0, "caution"),
        ({"batch_size": 128, "tokens": 10 * TOKENS}, "tokens", 1.0, "caution"),
        ({"tokens": 16 * TOKENS}, "tokens", 2.0, "caution"),
        ({"tokens": 1000 * TOKENS}, "tokens", 125.0, "abstain"),
    ],
)
def test_beyond_what_a_rule_was_tested_for_it_is_extrapolated_and_far_beyond_abstains(
    asked: dict[str, Any], moved: str, beyond: float, severity: str
) -> None:
    answer = recommend(known(), **asked)
    found = axis(answer, moved)
    assert found.beyond == pytest.approx(beyond)
    assert found.basis == ("empirical" if beyond == 1 else "extrapolated")
    assert reason(answer, moved).severity == severity


def test_a_beta_that_cannot_follow_is_refused_with_the_number_that_could() -> None:
    quick = trial(0, hyperparameters=hyperparameters() | {"beta1": 0.5})
    one = snapshot([quick], statistics=(), record=study(spec=spec(), shape=BLOCKS))
    usual, answer = recommend(one), recommend(one, batch_size=64)
    assert axis(answer, "batch").basis == "not_transferable"
    assert "1 - beta1 would be 2, and it must stay in (0, 1)" in axis(answer, "batch").words
    assert reason(answer, "batch").severity == "abstain"
    assert axis(answer, "tokens").basis == "measured"
    assert answer.groups == usual.groups
