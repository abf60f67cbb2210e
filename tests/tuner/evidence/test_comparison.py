"""The optimizers of one study compared."""

import pytest

from tests.tuner.builders import Trials, measured, snapshot, spec, study, surface
from tuner.evidence.comparison import compare_optimizers
from tuner.evidence.sensitivity import sensitivity

ADAMW, SGD = "adamw", "sgd"


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


def test_the_best_tried_rate_is_named_with_its_trials() -> None:
    trials = Trials(surface()).measure(optimizer=ADAMW)
    known = snapshot(trials)

    (standing,) = compare_optimizers(sensitivity(known), [ADAMW])

    at_width = [trial for trial in known.trials if trial.width == standing.width]
    losses: dict[float, list[float]] = {}
    for trial in at_width:
        assert trial.value is not None
        losses.setdefault(trial.hyperparameters["learning_rate"], []).append(trial.value)
    best = min(losses, key=lambda rate: sum(losses[rate]) / len(losses[rate]))
    assert standing.best_learning_rate == best
    assert set(standing.best_trials) == {
        trial.number for trial in at_width if trial.hyperparameters["learning_rate"] == best
    }


def test_a_rate_at_which_a_seed_diverged_is_not_the_best() -> None:
    trials = Trials(surface()).measure(optimizer=ADAMW)
    curves = sensitivity(snapshot(trials))
    (whole,) = compare_optimizers(curves, [ADAMW])
    spoilt = [
        curve.model_copy(
            update={
                "points": tuple(
                    point.model_copy(update={"mean_loss": None, "diverged": 1})
                    if point.learning_rate == whole.best_learning_rate
                    else point
                    for point in curve.points
                )
            }
        )
        for curve in curves
    ]

    (standing,) = compare_optimizers(spoilt, [ADAMW])

    assert standing.best_learning_rate not in (None, whole.best_learning_rate)
