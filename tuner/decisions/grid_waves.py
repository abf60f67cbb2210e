"""The trials of one grid of learning rates: the grid itself, then points beyond its edges."""

import math
from collections.abc import Iterable

from parametrization.recommendation.evidence import Edge
from parametrization.transfer.grid import MAX_EXTENSIONS, extension, optimum_edge
from tuner.records.trials import TrialGroup, TrialRecord
from tuner.spec.states import TrialState


def due_rates(
    tried: TrialGroup, grid: tuple[float, ...], factor: float
) -> tuple[int, tuple[float, ...]]:
    """(extension, log2 learning rates to ask for); none while others train, and at its end."""
    if not tried:
        return 0, grid
    wave = tried[-1].batch
    if wave == MAX_EXTENSIONS or tried.unfinished:
        return wave, ()
    side = tried.answer(_edge)
    if side is None:
        return wave, ()
    return wave + 1, extension(_losses(tried), side, factor=factor)


def _edge(trials: Iterable[TrialRecord]) -> Edge | None:
    return optimum_edge(_losses(trials))


def _losses(trials: Iterable[TrialRecord]) -> dict[float, list[float | None]]:
    """Losses by log2 learning rate."""
    losses: dict[float, list[float | None]] = {}
    for trial in trials:
        if trial.state is not TrialState.FAIL:  # a lost worker says nothing about a rate
            rate = math.log2(trial.hyperparameters["learning_rate"])
            losses.setdefault(rate, []).append(trial.value)
    return losses
