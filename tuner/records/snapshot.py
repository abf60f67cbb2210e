"""A study as the decisions see it: frozen records, detached from the database."""

import datetime as dt
from typing import Any, NamedTuple

from pydantic import Field

from parametrization.rules.lookup import Optimizer, Parametrization
from parametrization.shapes.roles import ModelShape
from tuner.engine.packing import ONE_CPU, Capacity
from tuner.engine.protocol import AnyOrder, CoordinateStatistic, Order, Packing
from tuner.records.trial_counts import TrialCounts
from tuner.spec.record import Record
from tuner.spec.states import FINAL_TRIAL_STATES, Purpose, StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec


class StudyRecord(Record):
    id: str
    state: StudyState
    resume_state: StudyState | None
    reason: str | None
    spec: StudySpec
    shape: ModelShape | None
    packings: dict[str, Packing] | None = None
    """By `packing_key`: how trials of each shape train, measured once and kept."""
    counts: TrialCounts | None = None
    """None until its trials are counted: see `tuner.storage.trial_counts.counts_of`."""
    created_at: dt.datetime
    updated_at: dt.datetime
    finished_at: dt.datetime | None
    version: int


class ActiveStudy(NamedTuple):
    """A study with something to do."""

    id: str
    version: int
    """Grows with every change of state."""
    priority: int
    created_at: dt.datetime

    @property
    def precedence(self) -> tuple[int, dt.datetime, str]:
        """Ascending in the order in which studies get slots: by priority, then by age."""
        return -self.priority, self.created_at, self.id


class NewTrial(Record):
    """A trial as it is asked for; the database gives it its number."""

    purpose: Purpose
    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    seed: int
    batch: int
    hyperparameters: dict[str, float]
    params: dict[str, float]
    system_attrs: dict[str, Any] = Field(default_factory=dict)


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
        """Whether nothing more will happen to it."""
        return self.state in FINAL_TRIAL_STATES


class OptimizerStatistic(CoordinateStatistic):
    """A coordinate-check statistic, and the optimizer it was taken with."""

    optimizer: Optimizer


class OpenOrder(Record):
    """An order that is committed and has not ended."""

    order: Order
    losses: int
    """How often whoever ran it was lost."""


class StudySnapshot(Record):
    """Everything that a decision about one study depends on."""

    study: StudyRecord
    trials: tuple[TrialRecord, ...]
    """By number."""
    statistics: tuple[OptimizerStatistic, ...]
    open_orders: tuple[OpenOrder, ...]
    capacity: Capacity = ONE_CPU
    """Slots that the study's trials are packed for."""


class TrialEnding(Record):
    """A trial that a decision ends: pruned at a rung, or given up."""

    number: int
    state: TrialState
    reason: StateReason | None = None
    message: str | None = None


class Promotion(Record):
    """A search trial that a rung's decision lets go on."""

    number: int
    system_attrs: dict[str, Any]
    """Replaces the trial's: pruners keep their notes there."""


class Decision(Record):
    """What to do next about one study; empty if it only has to wait."""

    move_to: StudyState | None = None
    reason: str | None = None
    new_trials: tuple[NewTrial, ...] = ()
    endings: tuple[TrialEnding, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    orders: tuple[AnyOrder, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do but wait."""
        return self == Decision()
