"""Find the trials that a study's measurement still lacks, and the reason that it ended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parametrization.recommendation.document import MeasuringEnd, StoppedBy
from parametrization.shapes.roles import ModelShape
from tuner.evidence.budget import left_to_measure
from tuner.evidence.flops import trial_flops
from tuner.evidence.further import chosen_hyperparameters
from tuner.evidence.next_trials import (
    Due,
    Outcome,
    Promise,
    Wave,
    next_wave,
)
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialGroup, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, StateReason, TrialState
from tuner.spec.study import StudySpec

_DIGITS: Final = 9
"""Decimals that rates are rounded to: 2 ** x and log2 need not undo each other to the last bit."""


def promise_of(spec: StudySpec, shape: ModelShape, most_flops: float = math.inf) -> Promise:
    """Goal and limits of one optimizer's adaptive measurement, costs in FLOPs.

    Args:
        most_flops: FLOPs that the study's budget allows it.

    """
    measure, widths = spec.measure, spec.measure_widths
    costs = tuple(trial_flops(spec, shape, width, spec.training.steps) for width in widths)
    return Promise(
        widths=widths,
        costs=costs,
        target=spec.target.width,
        grid_factor=measure.grid_factor,
        interval_octaves=measure.interval_octaves,
        regret_percent=measure.regret_percent,
        most_cost=min(
            most_flops, measure.grid_share * measure.grid_points * measure.seeds * math.fsum(costs)
        ),
        most_in_all=most_flops,
    )


def due_trials(snapshot: StudySnapshot, optimizer: Optimizer) -> tuple[int, tuple[Due, ...]]:
    """Number of the wave that is due, from 0, and its trials: none while the last one trains."""
    tried = snapshot.trials.of(Purpose.MEASURE, optimizer)
    if tried.unfinished:
        return tried[-1].batch, ()
    wave = _wave(snapshot, optimizer, tried)
    return (tried[-1].batch + 1 if tried else 0), wave.trials


def measuring_end(snapshot: StudySnapshot, optimizer: Optimizer) -> MeasuringEnd | None:
    """Reason that the measurement of one optimizer ended; None before its end."""
    spec, tried = snapshot.study.spec, snapshot.trials.of(Purpose.MEASURE, optimizer)
    if not tried or tried.unfinished:
        return None
    if spec.measure.plan == "grid":
        return _told(spec, "grid", tried)
    stopped_by = _wave(snapshot, optimizer, tried).stopped_by
    return None if stopped_by is None else _told(spec, stopped_by, tried)


@dataclass(frozen=True)
class _NextWave:
    """Computes the next wave; instances compare by value, so `TrialGroup.answer` caches it."""

    promise: Promise
    winner: float

    def __call__(self, trials: Sequence[TrialRecord]) -> Wave:
        outcomes: dict[int, list[Outcome]] = {}
        first = min((trial.seed for trial in trials), default=0)
        for trial in trials:
            if trial.width not in self.promise.widths:
                continue
            outcomes.setdefault(trial.width, []).append(_outcome(trial, first))
        return next_wave(self.promise, self.winner, outcomes)


def _wave(snapshot: StudySnapshot, optimizer: Optimizer, tried: TrialGroup) -> Wave:
    best, shape = snapshot.trials.of(Purpose.SEARCH, optimizer).best, snapshot.study.shape
    if best is None or shape is None:
        return Wave()
    winner = math.log2(chosen_hyperparameters(snapshot, best)["learning_rate"])
    left = left_to_measure(snapshot)
    return tried.answer(_NextWave(promise_of(snapshot.study.spec, shape, left), winner))


def _outcome(trial: TrialRecord, first_seed: int) -> Outcome:
    diverged = trial.state_reason is StateReason.DIVERGED
    return Outcome(
        log2_rate=round(math.log2(trial.hyperparameters["learning_rate"]), _DIGITS),
        seed=trial.seed - first_seed,
        loss=None if diverged else trial.value,
        has_result=diverged or (trial.state is TrialState.COMPLETE and trial.value is not None),
    )


def _told(spec: StudySpec, stopped_by: StoppedBy, tried: TrialGroup) -> MeasuringEnd:
    measure, widest = spec.measure, spec.measure_widths[-1]
    words = {
        "regret": "the learning rate's uncertainty is expected to cost no more than the"
        f" {measure.regret_percent or 0:g} % of loss that was promised",
        "interval": "the target's interval is no wider than the"
        f" {measure.interval_octaves or 0:g} octaves that were promised",
        "gain": "more trials at these widths would hardly narrow the target's interval",
        "budget": f"its share of the grid's FLOPs, {measure.grid_share:g}, is spent"
        if spec.budget is None
        else f"more trials would not fit into the {spec.budget.words}",
        "edge": f"the optimum of width {widest} lies outside of the rates that may be tried",
        "grid": f"all {measure.grid_points} rates with {measure.seeds} seeds are measured at"
        " every width",
    }[stopped_by]
    return MeasuringEnd(stopped_by=stopped_by, trials=len(tried), words=words)
