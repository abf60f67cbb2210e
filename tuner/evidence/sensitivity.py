"""Collect loss against learning rate at each width, and fit each curve's best rate."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from parametrization.recommendation.evidence import Optimum
from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.grid import mean_loss
from parametrization.transfer.optimum import (
    fit_optimum,
)
from parametrization.transfer.regret import (
    Losses,
)
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, StateReason, TrialState

SEARCH_POINTS: Final = 200
"""Points listed of a search's curve: every trial of a search has a learning rate of its own."""


_OFF_THE_CURVES: Final = (Purpose.AXIS, Purpose.CONFIRM, Purpose.REPEAT)


class CurveKey(NamedTuple):
    """Key of a curve: its trials agree in these four."""

    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    purpose: Purpose


class SeedLoss(Record):
    """Loss of one trial."""

    seed: int
    number: int
    """The trial's number within its study."""
    loss: float | None
    """The family's measure of comparison (`compared_by`); None if the trial diverged."""


class SensitivityPoint(Record):
    """One learning rate, given at the base width, with the losses of its trials at one width."""

    log2_learning_rate: float
    learning_rate: float
    mean_loss: float | None
    """Mean over the seeds; None if one of them diverged."""
    diverged: int
    """Number of seeds that diverged."""
    seeds: tuple[SeedLoss, ...]


class SensitivityCurve(Record):
    """Loss against learning rate at one width."""

    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    purpose: Purpose
    """`search`: Optuna's proposals, listed until the width's own grid has enough for a fit."""
    points: tuple[SensitivityPoint, ...]
    """By learning rate."""
    points_left_out: int = 0
    """Of a search with more than 200 different rates, which lists evenly many and the best."""
    optimum: Optimum

    @property
    def key(self) -> CurveKey:
        """Key that the curve's trials agree in."""
        return CurveKey(self.optimizer, self.parametrization, self.width, self.purpose)


class CurveFits:
    """Fits of one study's curves: a curve is fitted again only when its trials have changed."""

    def __init__(self) -> None:
        self._known: dict[CurveKey, tuple[Losses, Optimum]] = {}

    def fit(self, key: CurveKey, losses: Losses) -> Optimum:
        """The optimum of a curve, from the losses of every seed by log2(learning rate)."""
        known = self._known.get(key)
        if known is not None and known[0] == losses:
            return known[1]
        optimum = fit_optimum((rate, loss) for rate, seeds in losses.items() for loss in seeds)
        self._known[key] = losses, optimum
        return optimum


def sensitivity(
    snapshot: StudySnapshot, fits: CurveFits | None = None
) -> tuple[SensitivityCurve, ...]:
    """Every curve there is, by optimizer, parametrization (muP first) and width.

    A curve lists trials that ended with a loss or diverged. The proxy width has two curves, the
    search's and the grid's, until the grid has enough for a fit.

    Args:
        fits: of the same study's curves when it had fewer trials.

    """
    fits = fits or CurveFits()
    found: dict[CurveKey, list[TrialRecord]] = {}
    for trial in snapshot.trials:
        if has_result(trial) and trial.purpose not in _OFF_THE_CURVES:
            found.setdefault(key_of(trial), []).append(trial)
    grids = {
        key: _curve(key, trials, fits)
        for key, trials in found.items()
        if key.purpose is not Purpose.SEARCH
    }
    fitted = {
        (key.optimizer, key.width)
        for key, curve in grids.items()
        if key.purpose is Purpose.MEASURE and curve.optimum.status != "unknown"
    }
    searches = {
        key: _curve(key, trials, fits)
        for key, trials in found.items()
        if key.purpose is Purpose.SEARCH and (key.optimizer, key.width) not in fitted
    }
    optimizers: list[Optimizer] = [config.name for config in snapshot.study.spec.optimizers]
    curves = grids | searches
    order = sorted(
        (key for key in found if key in curves),
        key=lambda key: (
            optimizers.index(key.optimizer),
            key.parametrization is not Parametrization.MUP,
            key.width,
        ),
    )
    return tuple(curves[key] for key in order)


def losses_of(curve: SensitivityCurve) -> Losses:
    """The curve's losses by log2(learning rate)."""
    return {
        point.log2_learning_rate: tuple(seed.loss for seed in point.seeds) for point in curve.points
    }


def key_of(trial: TrialRecord) -> CurveKey:
    """The curve that the trial belongs to."""
    return CurveKey(trial.optimizer, trial.parametrization, trial.width, trial.purpose)


def has_result(trial: TrialRecord) -> bool:
    """True if the trial counts for its learning rate: it ended with a loss, or diverged.

    False if a pruner stopped it, or its worker was lost.
    """
    return (trial.state is TrialState.COMPLETE and trial.value is not None) or (
        trial.state_reason is StateReason.DIVERGED
    )


def _curve(key: CurveKey, trials: Iterable[TrialRecord], fits: CurveFits) -> SensitivityCurve:
    by_rate: dict[float, list[SeedLoss]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.seed, trial.number)):
        # Rounded, for 2 ** x and log2 need not undo each other to the last bit.
        rate = round(math.log2(trial.hyperparameters["learning_rate"]), 9)
        loss = None if trial.state_reason is StateReason.DIVERGED else trial.value
        by_rate.setdefault(rate, []).append(
            SeedLoss(seed=trial.seed, number=trial.number, loss=loss)
        )
    losses = {rate: tuple(seed.loss for seed in by_rate[rate]) for rate in sorted(by_rate)}
    shown = listed_rates(losses) if key.purpose is Purpose.SEARCH else tuple(losses)
    return SensitivityCurve(
        **key._asdict(),
        points=tuple(_point(rate, by_rate[rate]) for rate in shown),
        points_left_out=len(losses) - len(shown),
        optimum=fits.fit(key, losses),
    )


def listed_rates(losses: Losses) -> tuple[float, ...]:
    """Rates to list of a search's curve, ascending: evenly many of them, and the best one.

    >>> listed_rates({1.0: (0.5,), 2.0: (None,)})
    (1.0, 2.0)
    """
    rates = sorted(losses)
    if len(rates) <= SEARCH_POINTS:
        return tuple(rates)
    last = len(rates) - 1
    even = {rates[round(at * last / (SEARCH_POINTS - 2))] for at in range(SEARCH_POINTS - 1)}
    return tuple(sorted(even | {min(rates, key=lambda rate: mean_loss(losses[rate]))}))


def _point(rate: float, seeds: list[SeedLoss]) -> SensitivityPoint:
    finite = [seed.loss for seed in seeds if seed.loss is not None]
    diverged = len(seeds) - len(finite)
    return SensitivityPoint(
        log2_learning_rate=rate,
        learning_rate=2.0**rate,
        mean_loss=None if diverged else math.fsum(finite) / len(finite),
        diverged=diverged,
        seeds=tuple(seeds),
    )
