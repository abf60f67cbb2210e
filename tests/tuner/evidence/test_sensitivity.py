"""What a study's trials show, read from its snapshot."""

import pytest

from parametrization.rules.parametrization import Parametrization
from tests.tuner.builders import (
    GRID,
    Trials,
    hyperparameters,
    measured,
    passing_check,
    searched,
    snapshot,
    spec,
    study,
    surface,
    trial,
)
from tuner.evidence.sensitivity import check_verdict, compare_optimizers, sensitivity, summarise
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
    evidence = summarise(sensitivity(snapshot(early)), ADAMW, MUP, proxy_width=32)
    assert [at.width for at in evidence.optima] == [32]
    assert evidence.optima[0].optimum.status == "measured"
    assert evidence.optima[0].optimum.trials > 4


def test_search_trials_are_compared_with_no_wider_width_for_their_seeds_differ() -> None:
    trials = Trials(surface()).search(GRID).measure(widths=(64,))

    evidence = summarise(sensitivity(snapshot(trials)), ADAMW, MUP, proxy_width=32)

    assert [at.width for at in evidence.optima] == [32, 64]
    assert evidence.wider_is_better is None
    assert evidence.proxy_regret is not None


def test_under_mup_the_optimum_stays_and_under_the_control_it_moves() -> None:
    widths = (32, 64, 128, 256)
    everything = snapshot(
        searched()
        .measure(widths)
        .measure(widths, [float(rate) for rate in range(-12, -1)], purpose=Purpose.CONTROL)
    )

    mup = summarise(sensitivity(everything), ADAMW, MUP, proxy_width=32)
    sp = summarise(sensitivity(everything), ADAMW, SP, proxy_width=32)

    assert mup.shift_octaves == pytest.approx(0.0, abs=0.3)
    assert sp.shift_octaves == pytest.approx(-3.0, abs=0.3)
    assert mup.shift_doublings == sp.shift_doublings == 3
    assert mup.proxy_regret is not None
    assert sp.proxy_regret is not None
    assert mup.proxy_regret.regret_percent == pytest.approx(0.0, abs=0.3)
    assert sp.proxy_regret.regret_percent == pytest.approx(20, abs=5)
    assert mup.wider_is_better is not None
    assert sp.wider_is_better is not None
    assert mup.wider_is_better.share == 1.0
    assert sp.wider_is_better.share < 0.8


def test_without_trials_there_is_no_evidence() -> None:
    nothing = summarise(sensitivity(snapshot()), ADAMW, MUP, proxy_width=32)

    assert nothing.optima == ()
    assert nothing.drift is None
    assert nothing.shift_octaves is None
    assert nothing.regrets == ()
    assert nothing.leave_widest_out is None
    assert nothing.wider_is_better is None


def test_a_shift_waits_for_both_ends_to_be_measured() -> None:
    on_the_edge = measured(surface(drift=2.0))

    evidence = summarise(sensitivity(on_the_edge), ADAMW, MUP, proxy_width=32)

    assert evidence.optima[-1].optimum.status == "inconclusive"
    assert evidence.shift_octaves is None
    assert evidence.proxy_regret is None


def test_the_check_is_judged_per_optimizer() -> None:
    wrong = tuple(
        at.model_copy(update={"update_rms": at.update_rms * at.width / 64})
        for at in passing_check(SGD)
    )
    both = snapshot(statistics=passing_check(ADAMW) + wrong)

    right, failed = check_verdict(both, ADAMW), check_verdict(both, SGD)

    assert right is not None
    assert failed is not None
    assert right.passed
    assert failed.passed is False
    assert check_verdict(both, "adam") is None
    assert check_verdict(snapshot(record=study(shape=None)), ADAMW) is None


def test_optimizers_are_ranked_at_the_widest_width_that_all_are_measured_at() -> None:
    record = study(spec=spec(optimizers=[{"name": "sgd"}, {"name": "adamw"}]))
    trials = (
        Trials(surface())
        .measure(optimizer=ADAMW)
        .measure(widths=(32, 64), optimizer=SGD, offset=0.05)
    )

    standings = compare_optimizers(sensitivity(snapshot(trials, record=record)), [SGD, ADAMW])

    assert [at.optimizer for at in standings] == [ADAMW, SGD]
    assert {at.width for at in standings} == {64}
    assert standings[0].excess_percent == 0
    assert standings[1].excess_percent == pytest.approx(5.1, abs=1)
    assert compare_optimizers(sensitivity(measured()), [ADAMW, SGD]) == ()
