"""Compute how far a study is, and when it may be done, from its snapshot."""

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, Literal, NamedTuple

from pydantic import Field

from tuner.evidence.grid import EXTENSION_POINTS, MAX_EXTENSIONS
from tuner.recommendation.cost import parameter_count
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.record import Record
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec

KEPT_FOR_EXTENSIONS: Final = 0.05
"""Share of the progress that only extensions of grids, or the end of the study, fill."""


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
    """Ended by an error; those of a cancelled study are not among them."""
    cancelled: int = 0
    """Left undone when the study was cancelled or failed; they do not count as done."""
    fraction: float = Field(ge=0, le=1)
    """Share of the phase that is done; it never falls. A twentieth of a learning-rate grid is kept
    for its extensions, which add to `planned`, until the study is completed."""


class Progress(Record):
    phases: tuple[PhaseProgress, ...]
    trials: dict[TrialState, int]
    """Trials by state, over all phases; those left undone by a cancelled study are `fail`."""
    fraction: float = Field(ge=0, le=1)
    """Share of the planned training that is done, by parameters times steps; it never falls. A
    twentieth is kept for extensions of the learning-rate grids, until the study is completed."""
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
    work = tuple(_work(study, trials))
    done, left = sum(at.done for at in work), sum(at.left for at in work)
    busy_seconds = _busy_seconds(trials, now)
    moves = study.state in (StudyState.CHECKING, StudyState.SEARCHING, StudyState.MEASURING)
    has_pace = moves and done > 0 and busy_seconds > 0
    best = min(
        (t.value for t in trials if t.purpose is Purpose.SEARCH and t.value is not None),
        default=None,
    )
    return Progress(
        phases=tuple(_phases(snapshot, work)),
        trials={state: sum(t.state is state for t in trials) for state in TrialState},
        fraction=_fraction(study, work),
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


class _Work(NamedTuple):
    """Training for one purpose at one width, in parameters times steps."""

    purpose: Purpose
    planned: float
    """Before any grid is extended."""
    longest: float
    """If every grid is extended as often as it can be."""
    done: float
    left: float
    """Of what is planned, and of the trials that extend it."""


def _work(study: StudyRecord, trials: Iterable[TrialRecord]) -> Iterator[_Work]:
    spec = study.spec
    steps = spec.training.steps
    extensions = len(spec.optimizers) * spec.measure.seeds * EXTENSION_POINTS * MAX_EXTENSIONS
    for (purpose, width), count in planned_trials(spec).items():
        mine = [t for t in trials if (t.purpose, t.width) == (purpose, width)]
        trial_cost = _cost(study, width) * steps
        done = trial_cost * sum(_share_done(trial, steps) for trial in mine)
        yield _Work(
            purpose,
            planned=trial_cost * count,
            longest=trial_cost * (count + (extensions if purpose is not Purpose.SEARCH else 0)),
            done=done,
            left=trial_cost * max(count, len(mine)) - done,
        )


def _fraction(study: StudyRecord, work: Iterable[_Work]) -> float:
    """Share of the work that is done; extending a grid cannot lower it."""
    if study.state is StudyState.COMPLETED:
        return 1.0
    listed = tuple(work)
    planned = sum(at.planned for at in listed)
    extra = sum(at.longest for at in listed) - planned
    share = sum(min(at.done, at.planned) for at in listed) / planned
    if extra == 0:
        return share
    beyond = sum(max(0.0, at.done - at.planned) for at in listed) / extra
    return (1 - KEPT_FOR_EXTENSIONS) * share + KEPT_FOR_EXTENSIONS * min(1.0, beyond)


def _phases(snapshot: StudySnapshot, work: Iterable[_Work]) -> Iterator[PhaseProgress]:
    spec = snapshot.study.spec
    checks = len(spec.optimizers) * len(spec.check_widths)
    checked = len({(stat.optimizer, stat.width) for stat in snapshot.statistics})
    running = sum(open_order.order.kind == "check" for open_order in snapshot.open_orders)
    yield PhaseProgress(
        phase="check",
        planned=checks,
        complete=checked,
        running=running,
        fraction=min(1.0, checked / checks),
    )
    planned = planned_trials(spec)
    for purpose in dict.fromkeys(purpose for purpose, _ in planned):
        mine = [trial for trial in snapshot.trials if trial.purpose is purpose]
        undone = sum(map(_is_left_undone, mine))
        counts = {state.value: sum(t.state is state for t in mine) for state in TrialState}
        wanted = sum(count for (for_, _), count in planned.items() if for_ is purpose)
        yield PhaseProgress(
            phase=purpose.value,
            planned=max(wanted, len(mine)),
            cancelled=undone,
            fraction=_fraction(snapshot.study, [at for at in work if at.purpose is purpose]),
            **counts | {"fail": counts["fail"] - undone},
        )


def _share_done(trial: TrialRecord, steps: int) -> float:
    """Share of a trial's training that need not be done any more."""
    whole = trial.is_final and not _is_left_undone(trial)
    return 1.0 if whole else min(1.0, trial.step / steps)


def _is_left_undone(trial: TrialRecord) -> bool:
    return trial.state_reason is StateReason.CANCELLED


def _cost(study: StudyRecord, width: int) -> float:
    """Relative cost of one step: the parameters, or the squared width before they are known."""
    return float(width**2 if study.shape is None else parameter_count(study.shape, width))


def _busy_seconds(trials: Iterable[TrialRecord], now: dt.datetime) -> float:
    """Wall time during which at least one trial was under way."""
    spans = sorted((t.started_at, t.finished_at or now) for t in trials if t.started_at)
    seconds, reached = 0.0, dt.datetime.min.replace(tzinfo=dt.UTC)
    for start, end in spans:
        seconds += max(0.0, (end - max(start, reached)).total_seconds())
        reached = max(reached, end)
    return seconds
