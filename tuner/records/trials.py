"""Trials as frozen records, and all trials of a study with what decisions look up about them."""

import datetime as dt
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias, TypeVar, overload

from pydantic import Field
from pydantic_core import CoreSchema, core_schema

from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization
from tuner.spec.axes.cell import Cell
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import FINAL_TRIAL_STATES, Purpose, StateReason, TrialState

T = TypeVar("T")
_GroupKey: TypeAlias = tuple[Purpose, Optimizer, int | None, int | None]
"""Purpose, optimizer, width, batch; None: of any."""


class NewTrial(Record):
    """A trial as it is asked for; the database gives it its number."""

    purpose: Purpose
    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    seed: int
    batch: int
    hyperparameters: dict[str, float]
    params: dict[str, float | str]
    system_attrs: dict[str, Any] = Field(default_factory=dict)
    cell: Cell | None = None
    """Depth, batch and duration that it trains with; None: the study's own."""
    training: dict[str, float | str] | None = None
    """Fields of training, by `SearchedTraining`'s names, where they are not the study's own."""


class TrialRecord(NewTrial):
    number: int
    state: TrialState
    state_reason: StateReason | None
    message: str | None
    value: float | None
    validation_loss: float | None
    intermediate_values: dict[int, float]
    step: int
    checkpoint: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def is_final(self) -> bool:
        """True if its state cannot change any more."""
        return self.state in FINAL_TRIAL_STATES


class TrialGroup(Sequence[TrialRecord]):
    """Trials in the order in which they were asked for, and a summary that updates cheaply."""

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self._trials: list[TrialRecord] = []
        self._positions: dict[int, int] = {}
        self._unfinished: dict[int, TrialRecord] = {}
        self._best: TrialRecord | None = None
        self._answers: dict[Hashable, Any] = {}
        for trial in trials:
            self.put(trial)

    def put(self, trial: TrialRecord) -> None:
        """Add a trial, or replace an unfinished one of its number."""
        self._answers.clear()
        position = self._positions.setdefault(trial.number, len(self._trials))
        self._trials[position : position + 1] = [trial]  # appends where position is the end
        if not trial.is_final:
            self._unfinished[trial.number] = trial
            return
        self._unfinished.pop(trial.number, None)
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            self._best = min(self._best or trial, trial, key=_rank)

    @property
    def unfinished(self) -> Mapping[int, TrialRecord]:
        """Those that wait or run, by number."""
        return self._unfinished

    @property
    def best(self) -> TrialRecord | None:
        """The complete trial of the lowest value, of equal ones the earliest."""
        return self._best

    def position(self, number: int) -> int:
        """Index of the trial of that number."""
        return self._positions[number]

    def answer(self, question: Callable[[Sequence[TrialRecord]], T]) -> T:
        """Ask a function about these trials; asked again before one changes, it is not called."""
        if question not in self._answers:
            self._answers[question] = question(self)
        found: T = self._answers[question]
        return found

    @overload
    def __getitem__(self, position: int) -> TrialRecord: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[TrialRecord, ...]: ...
    def __getitem__(self, position: int | slice) -> TrialRecord | tuple[TrialRecord, ...]:
        if isinstance(position, slice):
            return tuple(self._trials[position])
        return self._trials[position]

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self._trials)


def _rank(trial: TrialRecord) -> tuple[float, int]:
    return math.inf if trial.value is None else trial.value, trial.number


class StudyTrials(Sequence[TrialRecord]):
    """All trials of a study by number, and groups of them that decisions look up.

    Whoever reads a whole study makes one. The coordinator, which alone writes trials, keeps its
    own up to date with `put`: no decision has to go through the trials that have ended.
    """

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self._all = TrialGroup(trials)

    def put(self, trial: TrialRecord) -> None:
        """Add a trial, or replace an unfinished one of its number."""
        self._all.put(trial)
        for key in _groups_of(trial):
            self._groups.setdefault(key, TrialGroup()).put(trial)

    @property
    def unfinished(self) -> Mapping[int, TrialRecord]:
        """Those that wait or run, by number."""
        return self._all.unfinished

    def of(
        self,
        purpose: Purpose,
        optimizer: Optimizer,
        *,
        width: int | None = None,
        batch: int | None = None,
    ) -> TrialGroup:
        """The trials of one optimizer for one purpose; of one width or one batch if it is given."""
        return self._groups.get((purpose, optimizer, width, batch)) or TrialGroup()

    @cached_property
    def _groups(self) -> dict[_GroupKey, TrialGroup]:
        groups: dict[_GroupKey, TrialGroup] = {}
        for trial in self._all:
            for key in _groups_of(trial):
                groups.setdefault(key, TrialGroup()).put(trial)
        return groups

    @overload
    def __getitem__(self, position: int) -> TrialRecord: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[TrialRecord, ...]: ...
    def __getitem__(self, position: int | slice) -> TrialRecord | tuple[TrialRecord, ...]:
        return self._all[position]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StudyTrials) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Let records hold one as it is, or make it of a tuple."""
        return core_schema.no_info_before_validator_function(
            lambda given: cls(given) if isinstance(given, tuple) else given,
            core_schema.is_instance_schema(cls),
        )


def _groups_of(trial: TrialRecord) -> tuple[_GroupKey, ...]:
    purpose, optimizer = trial.purpose, trial.optimizer
    return (
        (purpose, optimizer, None, None),
        (purpose, optimizer, trial.width, None),
        (purpose, optimizer, None, trial.batch),
    )
