"""How far a study is, and when it may be done: arithmetic on its snapshot."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Literal

from pydantic import Field

from parametrization.shapes.roles import ModelShape
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.record import Record
from tuner.spec.states import FINAL_STUDY_STATES, Purpose, StudyState, TrialState
from tuner.spec.study import StudySpec


class PhaseProgress(Record):
    phase: Literal["check", "search", "measure", "control"]
    """The coordinate check, or what the trials are run for."""
    planned: int
    """Trials in all (orders for the check); a grid that is extended adds to it."""
    waiting: int = 0
    running: int = 0
    complete: int = 0
    pruned: int = 0
    """Ended early by the pruner, or diverged: information, not an error."""
    fail: int = 0


class Progress(Record):
    phases: tuple[PhaseProgress, ...]
    trials: dict[TrialState, int]
    """Trials by state, over all phases."""
    fraction: float = Field(ge=0, le=1)
    """Share of the planned training that is done, by parameters times steps."""
    best_loss: float | None
    """Lowest value of a completed muP trial at the proxy width."""
    compared_by: str
    """What that is a value of, in a word or two: `train loss`."""
    eta_seconds: float | None
    """At the pace so far; null before there is a pace, and when nothing runs."""


def progress_of(snapshot: StudySnapshot, now: dt.datetime) -> Progress:
    """Progress of one study.

    Args:
        now: aware; ends the run time of trials that still train.

    """
    study, trials = snapshot.study, snapshot.trials
    done = sum(_cost(study, trial.width) * _steps_done(study, trial) for trial in trials)
    left = sum(_costs_left(study, trials))
    busy_seconds = _busy_seconds(trials, now)
    moves = study.state in (StudyState.CHECKING, StudyState.SEARCHING, StudyState.MEASURING)
    has_pace = moves and done > 0 and busy_seconds > 0
    best = min(
        (t.value for t in trials if t.purpose is Purpose.SEARCH and t.value is not None),
        default=None,
    )
    return Progress(
        phases=tuple(_phases(snapshot)),
        trials={state: sum(t.state is state for t in trials) for state in TrialState},
        fraction=1.0 if study.state is StudyState.COMPLETED else done / max(done + left, 1e-9),
        best_loss=best,
        compared_by=study.spec.family.compared_by.name,
        eta_seconds=round(busy_seconds * left / done, 1) if has_pace else None,
    )


def planned_trials(spec: StudySpec) -> dict[tuple[Purpose, int], int]:
    """Trials by purpose and width, before any grid is extended."""
    grid = len(spec.optimizers) * spec.measure.seeds * spec.measure.grid_points
    purposes = [Purpose.MEASURE] + [Purpose.CONTROL] * (spec.control == "sp")
    planned = {(purpose, w): grid for purpose, w in product(purposes, spec.measure_widths)}
    return {(Purpose.SEARCH, spec.proxy_width): spec.search.trials * len(spec.optimizers)} | planned


def _phases(snapshot: StudySnapshot) -> Iterator[PhaseProgress]:
    spec = snapshot.study.spec
    checks = len(spec.optimizers) * len(spec.check_widths)
    checked = len({(stat.optimizer, stat.width) for stat in snapshot.statistics})
    running = sum(open_order.order.kind == "check" for open_order in snapshot.open_orders)
    yield PhaseProgress(phase="check", planned=checks, complete=checked, running=running)
    planned = planned_trials(spec)
    for purpose in dict.fromkeys(purpose for purpose, _ in planned):
        states = [trial.state for trial in snapshot.trials if trial.purpose is purpose]
        counts = {state.value: states.count(state) for state in TrialState}
        wanted = sum(count for (for_, _), count in planned.items() if for_ is purpose)
        yield PhaseProgress(phase=purpose.value, planned=max(wanted, len(states)), **counts)


def _costs_left(study: StudyRecord, trials: Iterable[TrialRecord]) -> Iterator[float]:
    """Training that is still to be done, in parameters times steps."""
    if study.state in FINAL_STUDY_STATES:
        return
    steps = study.spec.training.steps
    for trial in trials:
        yield _cost(study, trial.width) * (steps - _steps_done(study, trial))
    for (purpose, width), count in planned_trials(study.spec).items():
        begun = sum(trial.purpose is purpose and trial.width == width for trial in trials)
        yield _cost(study, width) * steps * max(0, count - begun)


def _steps_done(study: StudyRecord, trial: TrialRecord) -> int:
    return study.spec.training.steps if trial.is_final else trial.step


def _cost(study: StudyRecord, width: int) -> float:
    """Relative cost of one step: the parameters, or the squared width before they are known."""
    return float(width**2 if study.shape is None else _parameters(study.shape, width))


def _parameters(shape: ModelShape, width: int) -> int:
    return sum(math.prod(t.shape_at(width / shape.base_width)) for t in shape.tensors)


def _busy_seconds(trials: Iterable[TrialRecord], now: dt.datetime) -> float:
    """Wall time during which at least one trial was under way."""
    spans = sorted((t.started_at, t.finished_at or now) for t in trials if t.started_at)
    seconds, reached = 0.0, dt.datetime.min.replace(tzinfo=dt.UTC)
    for start, end in spans:
        seconds += max(0.0, (end - max(start, reached)).total_seconds())
        reached = max(reached, end)
    return seconds
