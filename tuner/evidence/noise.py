"""Measure how far a user's own trainer repeats itself: one trial, trained twice with one seed."""

import math

from parametrization.recommendation.evidence import NoiseFloor
from tuner.evidence.sensitivity import has_result
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, TrialState


def noise_floor(snapshot: StudySnapshot, optimizer: Optimizer) -> NoiseFloor | None:
    """The spread of the search's winner and its repetition; None until both have a result."""
    first = snapshot.trials.of(Purpose.SEARCH, optimizer).best
    again = snapshot.trials.of(Purpose.REPEAT, optimizer)
    if first is None or not again or not has_result(again[0]):
        return None
    losses = (_loss(first), _loss(again[0]))
    return NoiseFloor(
        trial=first.number,
        repeated_by=again[0].number,
        losses=losses,
        spread_percent=_spread(losses),
    )


def _loss(trial: TrialRecord) -> float | None:
    return trial.value if trial.state is TrialState.COMPLETE else None


def _spread(losses: tuple[float | None, float | None]) -> float | None:
    """Difference over the mean, in percent; None if one of them diverged.

    >>> _spread((2.0, 2.0)), _spread((1.9, 2.1)), _spread((2.0, None))
    (0.0, 10.000000000000009, None)
    """
    first, second = losses
    if first is None or second is None:
        return None
    return 100 * math.fabs(first - second) / ((first + second) / 2)
