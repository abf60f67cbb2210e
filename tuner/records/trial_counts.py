"""Count the trials of a study by purpose, width and state, and the time in which they ran."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self, TypeAlias

from pydantic import ConfigDict

from parametrization.recommendation.record import Record
from tuner.spec.states import FINAL_TRIAL_STATES, Purpose, StateReason, TrialState


class TrialFacts(NamedTuple):
    """The facts of one trial that are counted."""

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
        """True if the study ended before the trial did."""
        return self.reason is StateReason.CANCELLED

    @property
    def is_done(self) -> bool:
        """True if none of its training remains to be done."""
        return self.state in FINAL_TRIAL_STATES and not self.is_left_undone

    @property
    def is_under_way(self) -> bool:
        """True if it has started and has not ended."""
        return self.started_at is not None and self.finished_at is None

    @property
    def counted(self) -> dict[str, int]:
        """Numbers that the trial adds to the fields of its group."""
        return {
            self.state.value: 1,
            "cancelled": int(self.is_left_undone),
            "steps": self.step,
            "unfinished_steps": 0 if self.is_done else self.step,
        }


TrialChange: TypeAlias = tuple[TrialFacts | None, TrialFacts]
"""(Facts before a change, or None for a new trial; facts after it)."""


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
    steps: int = 0
    """Updates done by all of them; of some, where an older release counted without."""
    unfinished_steps: int = 0
    """Updates done by trials that are not done."""

    @property
    def finished(self) -> int:
        """Trials to which nothing more will happen."""
        return self.complete + self.pruned + self.fail

    @property
    def done(self) -> int:
        """Trials of whose training nothing remains to be done."""
        return self.finished - self.cancelled

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

    def plus(self, more: Mapping[str, int]) -> Self:
        """The counts with these numbers added to their fields."""
        return self.model_copy(update={name: getattr(self, name) + by for name, by in more.items()})


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
        """Number of trials of the study."""
        return sum(group.trials for group in self.groups)

    @property
    def finished(self) -> int:
        """Number of trials to which nothing more will happen."""
        return sum(group.finished for group in self.groups)

    def busy_until(self, now: dt.datetime) -> float:
        """Seconds during which at least one trial was under way."""
        return self.busy_seconds + _seconds_since(self.busy_since, now)

    def changed(self, changes: Iterable[TrialChange]) -> Self:
        """The counts after changes of trials, in the order in which they happened."""
        groups = {(group.purpose, group.width): group for group in self.groups}
        more: defaultdict[tuple[Purpose, int], Counter[str]] = defaultdict(Counter)
        best, under_way = self.best_loss, self.under_way
        seconds, since = self.busy_seconds, self.busy_since
        for before, after in changes:
            place = after.purpose, after.width
            more[place].update(after.counted)
            if before is not None:
                more[place].subtract(before.counted)
            if after.purpose is Purpose.SEARCH and after.value is not None:
                best = after.value if best is None else min(best, after.value)
            were_under_way = under_way
            under_way += after.is_under_way - (before is not None and before.is_under_way)
            if under_way and not were_under_way:
                since = after.started_at
            elif were_under_way and not under_way and after.finished_at is not None:
                seconds, since = seconds + _seconds_since(since, after.finished_at), None
        for place, by in more.items():
            group = groups.get(place) or GroupCounts(purpose=place[0], width=place[1])
            groups[place] = group.plus(by)
        return self.model_copy(
            update={
                "groups": tuple(groups[place] for place in sorted(groups)),
                "best_loss": best,
                "under_way": under_way,
                "busy_seconds": seconds,
                "busy_since": since,
            }
        )


def count_trials(trials: Iterable[TrialFacts]) -> TrialCounts:
    """Count all trials of a study."""
    listed = tuple(trials)
    counts = TrialCounts().changed(
        (None, trial._replace(started_at=None, finished_at=None)) for trial in listed
    )
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


def _seconds_since(since: dt.datetime | None, now: dt.datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


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
