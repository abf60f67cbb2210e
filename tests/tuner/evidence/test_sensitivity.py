"""Loss against learning rate at each width, from the trials of a study."""

import pytest

from parametrization.rules.parametrization import Parametrization
from tests.tuner.builders import (
    GRID,
    Trials,
    hyperparameters,
    measured,
    searched,
    snapshot,
    surface,
    trial,
)
from tuner.evidence.sensitivity import sensitivity
from tuner.evidence.transfer import summarise_transfer
from tuner.spec.states import Purpose, StateReason, TrialState

ADAMW, SGD = "adamw", "sgd"
MUP, SP = Parametrization.MUP, Parametrization.SP


def test_a_curve_has_every_rate_and_every_seed_of_its_width() -> None:
    curves = sensitivity(measured(seeds=3))

    assert [(curve.purpose, curve.width) for curve in curves] == [
        (Purpose.MEASURE, 32),
        (Purpose.MEASURE, 64),
        (Purpose.MEASURE, 128),
    ]
    for curve in curves:
        assert tuple(point.log2_learning_rate for point in curve.points) == GRID
        for point in curve.points:
            assert [seed.seed for seed in point.seeds] == [0, 1, 2]
            losses = [seed.loss for seed in point.seeds if seed.loss is not None]
            assert point.mean_loss == pytest.approx(sum(losses) / 3)
        assert curve.optimum.log2_learning_rate == pytest.approx(-5.3, abs=0.3)


def test_a_rate_with_a_diverged_seed_has_no_mean() -> None:
    grid = Trials(surface()).measure().made
    grid[1] = grid[1].model_copy(
        update={"state": TrialState.PRUNED, "state_reason": StateReason.DIVERGED, "value": None}
    )

    first = sensitivity(snapshot(grid))[0].points[0]

    assert (first.mean_loss, first.diverged) == (None, 1)
    assert [seed.loss is None for seed in first.seeds] == [False, True]


@pytest.mark.parametrize(
    "says_nothing",
    [
        {"state": TrialState.RUNNING, "value": None},
        {"state": TrialState.PRUNED, "value": None},
        {"state": TrialState.FAIL, "state_reason": StateReason.WORKER_LOST, "value": None},
    ],
)
def test_a_trial_that_says_nothing_of_its_rate_is_left_out(
    says_nothing: dict[str, object],
) -> None:
    made = Trials(surface()).measure().made

    extra = trial(len(made), purpose=Purpose.MEASURE, hyperparameters=hyperparameters(0.9))
    silent = extra.model_copy(update=says_nothing)

    assert sensitivity(snapshot([*made, silent])) == sensitivity(snapshot(made))
    assert sensitivity(snapshot([*made, extra])) != sensitivity(snapshot(made))


def test_the_search_stands_in_for_the_proxys_grid_until_that_can_be_fitted() -> None:
    early = searched().measure(widths=(32,), rates=(-6.0, -5.0))
    curves = sensitivity(snapshot(early))

    assert {curve.purpose for curve in curves} == {Purpose.SEARCH, Purpose.MEASURE}
    evidence = summarise_transfer(
        sensitivity(snapshot(early)), ADAMW, MUP, proxy_width=32, target_width=256
    )
    assert [at.width for at in evidence.optima] == [32]
    assert evidence.optima[0].optimum.status == "measured"
    assert evidence.optima[0].optimum.trials > 4
