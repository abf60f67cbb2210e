"""Compute how far a study is, and when it may be done, from the counts of its trials."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from pydantic import Field
from sqlalchemy.orm import Session

from parametrization.check.usual_settings import UPDATES
from parametrization.recommendation.record import Record
from parametrization.transfer.grid import EXTENSION_POINTS, MAX_EXTENSIONS
from tuner.evidence.flops import parameter_count
from tuner.evidence.planned import planned_trials as planned_trials
from tuner.evidence.planning.pace import Pace, Work, most_per_parameter
from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import GroupCounts, TrialCounts
from tuner.spec.states import Purpose, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.check_progress import CheckProgress, check_progress
from tuner.storage.check_progress import check_seconds as read_check_seconds
from tuner.storage.trials.trial_counts import counts_of

KEPT_FOR_EXTENSIONS: Final = 0.05
"""Share of the progress that only extensions of grids, or the end of the study, fill."""

_MOVING: Final = (StudyState.CHECKING, StudyState.SEARCHING, StudyState.MEASURING)
CheckSeconds: TypeAlias = Mapping[tuple[str, int], float]
_EXTENDED: Final = (Purpose.AXIS, Purpose.CONFIRM, Purpose.MEASURE, Purpose.CONTROL)


class PhaseProgress(Record):
    phase: Literal["check", "search", "confirm", "measure", "axis", "repeat", "control"]
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
    twentieth is kept for extensions of the learning-rate grids, until the study is completed. Of a
    study that stops after its check, the share of optimizers and widths that are checked."""
    best_loss: float | None
    """Lowest value of a completed muP trial at the proxy width."""
    compared_by: str
    """Name of the value in `best_loss`, in a word or two: `train loss`."""
    eta_seconds: float | None
    """Seconds left at the pace so far; null before there is a pace, and when nothing runs."""


def read_progress(session: Session, study: StudyRecord, now: dt.datetime) -> Progress:
    """Progress of one study, from the counts that are stored of it."""
    check = check_progress(session, study.id)
    taken = read_check_seconds(session, study) if study.state in _MOVING else {}
    return progress_of(study, counts_of(session, study), check, now, taken)


def progress_of(
    study: StudyRecord,
    counts: TrialCounts,
    check: CheckProgress,
    now: dt.datetime,
    check_seconds: CheckSeconds,
) -> Progress:
    """Progress of one study.

    Args:
        counts: of its trials.
        check: progress of its coordinate check.
        now: aware; ends the run time of trials that still train.
        check_seconds: of the check's runs that are done, by optimizer and width.

    """
    check_phase = _check_phase(study.spec, check)
    if study.spec.only_checks:
        return _progress_of_check(
            study, counts, check_phase, _check_seconds_left(study, check, check_seconds)
        )
    work = tuple(_work(study, counts))
    return Progress(
        phases=(check_phase, *_phases(study, counts, work)),
        trials={state: _in_state(counts.groups, state) for state in TrialState},
        fraction=_fraction(study, work),
        best_loss=counts.best_loss,
        compared_by=study.spec.comparison.name,
        eta_seconds=_seconds_left(
            study, counts, counts.busy_until(now), check.training, check_seconds
        ),
    )


def _progress_of_check(
    study: StudyRecord, counts: TrialCounts, phase: PhaseProgress, eta_seconds: float | None
) -> Progress:
    """Progress of a study that ends with its coordinate check: that of its one phase."""
    return Progress(
        phases=(phase,),
        trials={state: _in_state(counts.groups, state) for state in TrialState},
        fraction=1.0 if study.state is StudyState.COMPLETED else phase.fraction,
        best_loss=None,
        compared_by=study.spec.comparison.name,
        eta_seconds=eta_seconds,
    )


def _check_seconds_left(
    study: StudyRecord, check: CheckProgress, check_seconds: CheckSeconds
) -> float | None:
    """Seconds left at the pace of the widths that are done, on the slots that it holds."""
    costs = {
        (config.name, width): _cost(study, width) * study.spec.check_seeds(config.name)
        for config in study.spec.optimizers
        for width in study.spec.check_widths
    }
    taken = {at: seconds for at, seconds in check_seconds.items() if at in costs}
    if not taken or study.state is not StudyState.CHECKING:
        return None
    pace = sum(taken.values()) / sum(costs[at] for at in taken)
    left = sum(cost for at, cost in costs.items() if at not in taken)
    return round(pace * left / max(1, check.running), 1)


def _seconds_left(
    study: StudyRecord,
    counts: TrialCounts,
    busy_seconds: float,
    training: int,
    check_seconds: CheckSeconds,
) -> float | None:
    """Seconds left at the pace of the trials so far, of each width by what its updates take.

    Args:
        busy_seconds: of the trials so far.
        training: orders that train side by side.

    """
    done, left = Work(), Work()
    for counted, planned, steps, cost in _groups(study, counts):
        updates = steps
        if counted.done:  # pruned ones are shorter, and as many of those to come will be
            updates = (counted.steps - counted.unfinished_steps) / counted.done
        trials = counted.trials if _is_over(study, counts, counted.purpose) else planned
        to_come = (max(trials, counted.trials) - counted.done) * updates
        done = done.plus(counted.steps, cost)
        left = left.plus(max(0.0, to_come - counted.unfinished_steps), cost)
    if study.state not in _MOVING or not done.updates or busy_seconds <= 0:
        return None
    checks = [
        (_cost(study, width) * study.spec.check_seeds(optimizer) * UPDATES, seconds)
        for (optimizer, width), seconds in check_seconds.items()
    ]
    most = most_per_parameter(checks) / max(1, training)
    return round(Pace.of(done, busy_seconds, most).seconds(left), 1)


def _is_over(study: StudyRecord, counts: TrialCounts, purpose: Purpose) -> bool:
    """True if no further trials of a purpose are asked for, though fewer were than planned."""
    if purpose is Purpose.SEARCH:
        return study.state is StudyState.MEASURING
    measured = any(group.purpose is Purpose.MEASURE for group in counts.groups)
    return purpose is Purpose.CONFIRM and measured


class _Group(NamedTuple):
    """Trials of one purpose at one width."""

    counted: GroupCounts
    planned: int
    """Trials before any grid is extended."""
    steps: float
    """Updates of one trial; over axes, the mean of its cells."""
    cost: float
    """Of one update of one trial, in parameters at the proxies' depth and batch."""


def _groups(study: StudyRecord, counts: TrialCounts) -> Iterator[_Group]:
    spec = study.spec
    groups = {(group.purpose, group.width): group for group in counts.groups}
    for (purpose, width), planned in planned_trials(spec).items():
        counted = groups.get((purpose, width)) or GroupCounts(purpose=purpose, width=width)
        cells = spec.cells if purpose is Purpose.AXIS and spec.cells else (spec.proxies,)
        steps = sum(at.steps for at in cells) / len(cells)
        size = sum(at.depth * at.batch_size * at.steps for at in cells) / len(cells) / steps
        own = spec.proxies.depth * spec.proxies.batch_size
        yield _Group(counted, planned, steps, _cost(study, width) * size / own)


class _Work(NamedTuple):
    """Training for one purpose at one width, in parameters times steps."""

    purpose: Purpose
    planned: float
    """Work planned before any grid is extended."""
    longest: float
    """Work if every grid is extended as often as it can be."""
    done: float


def _work(study: StudyRecord, counts: TrialCounts) -> Iterator[_Work]:
    spec = study.spec
    extensions = len(spec.optimizers) * spec.measure.seeds * EXTENSION_POINTS * MAX_EXTENSIONS
    for counted, planned, steps, cost in _groups(study, counts):
        more = extensions if counted.purpose in _EXTENDED else 0
        yield _Work(
            counted.purpose,
            planned=cost * steps * planned,
            longest=cost * steps * (planned + more),
            done=cost * (steps * counted.done + counted.unfinished_steps),
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


def _check_phase(spec: StudySpec, check: CheckProgress) -> PhaseProgress:
    planned = 0 if spec.family.skips_check else len(spec.optimizers) * len(spec.check_widths)
    return PhaseProgress(
        phase="check",
        planned=planned,
        complete=check.finished,
        running=check.running,
        fraction=min(1.0, check.finished / planned) if planned else 1.0,
    )


def _phases(
    study: StudyRecord, counts: TrialCounts, work: Iterable[_Work]
) -> Iterator[PhaseProgress]:
    listed, planned = tuple(work), planned_trials(study.spec)
    for purpose in dict.fromkeys(purpose for purpose, _ in planned):
        groups = [group for group in counts.groups if group.purpose is purpose]
        undone = sum(group.cancelled for group in groups)
        by_state = {state.value: _in_state(groups, state) for state in TrialState}
        wanted = sum(count for (for_, _), count in planned.items() if for_ is purpose)
        yield PhaseProgress(
            phase=purpose.value,
            planned=max(wanted, sum(group.trials for group in groups)),
            cancelled=undone,
            fraction=_fraction(study, [at for at in listed if at.purpose is purpose]),
            **by_state | {"fail": by_state["fail"] - undone},
        )


def _in_state(groups: Iterable[GroupCounts], state: TrialState) -> int:
    return sum(group.in_state(state) for group in groups)


def _cost(study: StudyRecord, width: int) -> float:
    """Relative cost of one step: the parameters, or the squared width before they are known."""
    return float(width**2 if study.shape is None else parameter_count(study.shape, width))
