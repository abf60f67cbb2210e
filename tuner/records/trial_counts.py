"""Count the trials of a study by purpose, width and state, and the time in which they ran."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import ConfigDict

from tuner.spec.record import Record
from tuner.spec.states import FINAL_TRIAL_STATES, Purpose, StateReason, TrialState


class TrialFacts(NamedTuple):
    """What is counted of one trial."""

    purpose: Purpose
    width: int
    state: TrialState
    reason: StateReason | None
    step: int
    value: float | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    def waiting(self) -> Self:
        """The same trial before it was started."""
        return self._replace(state=TrialState.WAITING, started_at=None)

    @property
    def is_left_undone(self) -> bool:
        """Whether the study ended before the trial did."""
        return self.reason is StateReason.CANCELLED

    @property
    def is_done(self) -> bool:
        """Whether none of its training need be done any more."""
        return self.state in FINAL_TRIAL_STATES and not self.is_left_undone

    @property
    def is_under_way(self) -> bool:
        """Whether it has started and has not ended."""
        return self.started_at is not None and self.finished_at is None


class GroupCounts(Record):
    """Trials of one purpose at one width."""

    model_config = ConfigDict(extra="ignore")  # a newer release may count more

    purpose: Purpose
    width: int
    waiting: int = 0
    running: int = 0
    complete: int = 0
    pruned: int = 0
    fail: int = 0
    """Those that were left undone included."""
    cancelled: int = 0
    """Left undone when the study was cancelled or failed."""
    unfinished_steps: int = 0
    """Updates done by trials that are not done."""

    @property
    def finished(self) -> int:
        """Trials to which nothing more will happen."""
        return self.complete + self.pruned + self.fail

    @property
    def trials(self) -> int:
        """All of them."""
        return self.waiting + self.running + self.finished

    def in_state(self, state: TrialState) -> int:
        """Trials in one state."""
        return {
            TrialState.WAITING: self.waiting,
            TrialState.RUNNING: self.running,
            TrialState.COMPLETE: self.complete,
            TrialState.PRUNED: self.pruned,
            TrialState.FAIL: self.fail,
        }[state]

    def changed(self, trial: TrialFacts, by: int) -> Self:
        """With one trial more (`by` 1) or less (-1)."""
        return self.model_copy(
            update={
                trial.state.value: self.in_state(trial.state) + by,
                "cancelled": self.cancelled + by * trial.is_left_undone,
                "unfinished_steps": self.unfinished_steps + by * trial.step * (not trial.is_done),
            }
        )


class TrialCounts(Record):
    """All trials of one study."""

    model_config = ConfigDict(extra="ignore")  # a newer release may count more

    groups: tuple[GroupCounts, ...] = ()
    best_loss: float | None = None
    """Lowest value of a search trial."""
    under_way: int = 0
    """Trials that have started and have not ended."""
    busy_seconds: float = 0.0
    """Wall time during which at least one trial was under way, until none was."""
    busy_since: dt.datetime | None = None
    """Since when at least one trial has been under way; None while none is."""

    @property
    def trials(self) -> int:
        """All of the study's."""
        return sum(group.trials for group in self.groups)

    @property
    def finished(self) -> int:
        """Those to which nothing more will happen."""
        return sum(group.finished for group in self.groups)

    def busy_until(self, now: dt.datetime) -> float:
        """Seconds during which at least one trial was under way."""
        open_seconds = 0.0 if self.busy_since is None else (now - self.busy_since).total_seconds()
        return self.busy_seconds + max(0.0, open_seconds)

    def changed(self, before: TrialFacts | None, after: TrialFacts) -> Self:
        """After a change of one trial; `before` is None of one that is new."""
        groups = {(group.purpose, group.width): group for group in self.groups}
        place = after.purpose, after.width
        group = groups.get(place) or GroupCounts(purpose=after.purpose, width=after.width)
        if before is not None:
            group = group.changed(before, -1)
        groups[place] = group.changed(after, 1)
        losses = [self.best_loss, after.value if after.purpose is Purpose.SEARCH else None]
        return self.model_copy(
            update={
                "groups": tuple(groups[place] for place in sorted(groups)),
                "best_loss": min((loss for loss in losses if loss is not None), default=None),
                **self._busy(before is not None and before.is_under_way, after),
            }
        )

    def _busy(self, was_under_way: bool, after: TrialFacts) -> dict[str, object]:
        under_way = self.under_way + after.is_under_way - was_under_way
        if under_way and not self.under_way:
            return {"under_way": under_way, "busy_since": after.started_at}
        if self.under_way and not under_way and after.finished_at is not None:
            seconds = self.busy_until(after.finished_at)
            return {"under_way": 0, "busy_seconds": seconds, "busy_since": None}
        return {"under_way": under_way}


def count_trials(trials: Iterable[TrialFacts]) -> TrialCounts:
    """Count all trials of a study."""
    listed = tuple(trials)
    counts = TrialCounts()
    for trial in listed:
        counts = counts.changed(None, trial._replace(started_at=None, finished_at=None))
    seconds, since = _busy_periods(
        (trial.started_at, trial.finished_at) for trial in listed if trial.started_at is not None
    )
    return counts.model_copy(
        update={
            "under_way": sum(trial.is_under_way for trial in listed),
            "busy_seconds": seconds,
            "busy_since": since,
        }
    )


def _busy_periods(
    spans: Iterable[tuple[dt.datetime, dt.datetime | None]],
) -> tuple[float, dt.datetime | None]:
    """Seconds of the periods that are over, and when one began that is not."""
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    periods: list[tuple[dt.datetime, dt.datetime]] = []
    for start, end in sorted((start, end or never) for start, end in spans):
        if periods and start <= periods[-1][1]:
            periods[-1] = periods[-1][0], max(end, periods[-1][1])
        else:
            periods.append((start, end))
    since = periods.pop()[0] if periods and periods[-1][1] == never else None
    return sum((end - start).total_seconds() for start, end in periods), since
