"""A study as the decisions see it: frozen records, detached from the database."""

import datetime as dt
from typing import NamedTuple

from parametrization.recommendation.dynamics import StudyDynamics
from parametrization.recommendation.record import Record
from parametrization.shapes.roles import ModelShape
from tuner.engine.orders import Order
from tuner.engine.packing import Packing
from tuner.engine.reports import CoordinateStatistic
from tuner.engine.slots import ONE_CPU, Capacity
from tuner.records.given_points import GivenPoint
from tuner.records.trial_counts import TrialCounts
from tuner.records.trials import StudyTrials
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec


class StudyRecord(Record):
    id: str
    state: StudyState
    resume_state: StudyState | None
    reason: str | None
    spec: StudySpec
    shape: ModelShape | None
    data_sha256: str | None = None
    """Of everything that batches are made of; None until the describe order has answered."""
    packings: dict[str, Packing] | None = None
    """By `packing_key`: how trials of each shape train, measured once and kept."""
    dynamics: StudyDynamics | None = None
    """None where the study did not ask for them, and until the first."""
    counts: TrialCounts | None = None
    """None until its trials are counted: see `tuner.storage.trials.trial_counts.counts_of`."""
    priority: int = 0
    """As it is now; the specification has what was submitted."""
    project: str | None = None
    """As it is now; None: that of the specification."""
    labels: dict[str, str] | None = None
    """As they are now; None: those of the specification."""
    edits: int = 0
    """The number of times that one of the three was changed."""
    owner: str = "local"
    """The owner of the key that it was made with; `local` without one."""
    created_at: dt.datetime
    updated_at: dt.datetime
    finished_at: dt.datetime | None
    version: int

    @property
    def current_project(self) -> str:
        """The project that it belongs to now; empty if to none."""
        return self.spec.project if self.project is None else self.project

    @property
    def current_labels(self) -> dict[str, str]:
        """The labels that it has now."""
        return self.spec.labels if self.labels is None else self.labels

    @property
    def seen_version(self) -> int:
        """Grows with every change of state and every edit: what a change is conditional on."""
        return self.version + self.edits

    @property
    def as_trained(self) -> StudySpec:
        """The specification, bound to the data that the study was begun on."""
        dataset = self.spec.dataset.of(self.data_sha256)
        return self.spec.model_copy(update={"dataset": dataset})


class ActiveStudy(NamedTuple):
    """A study with something to do."""

    id: str
    version: int
    """Grows with every change of state."""
    priority: int
    created_at: dt.datetime
    owner: str = "local"
    """The owner of its key; `local` where nobody is told apart."""
    is_external: bool = False
    """Trainers of its own train its trials."""

    @property
    def share(self) -> str:
        """The name that its use of slots counts against: of its owner, or of the study itself."""
        return self.id if self.owner == "local" else f"owner:{self.owner}"

    @property
    def slots_of(self) -> str | None:
        """The `study_id` of the slots that take its orders."""
        return self.id if self.is_external else None

    @property
    def precedence(self) -> tuple[int, dt.datetime, str]:
        """Ascending by priority, then by age."""
        return -self.priority, self.created_at, self.id


class OptimizerStatistic(CoordinateStatistic):
    """A coordinate-check statistic, and the optimizer it was taken with."""

    optimizer: Optimizer


class OpenOrder(Record):
    """An order that is committed and has not ended."""

    order: Order
    losses: int
    """The number of times that a worker running it has died."""


class StudySnapshot(Record):
    """Everything that a decision about one study depends on."""

    study: StudyRecord
    trials: StudyTrials
    statistics: tuple[OptimizerStatistic, ...]
    open_orders: tuple[OpenOrder, ...]
    given: tuple[GivenPoint, ...] = ()
    """Points that its search was given."""
    capacity: Capacity = ONE_CPU
    """Slots that the study's trials are packed for."""
    slot_speed: float | None = None
    """FLOPs that a slot does in a second, by the study's own trials; read where a budget is in
    hours, and None until one of its orders is done."""
