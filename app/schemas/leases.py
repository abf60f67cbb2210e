"""Leases and reports of trainers as the API reads and shows them."""

import datetime as dt
import math
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from parametrization.recommendation.record import Record
from parametrization.recommendation.trial import TrialNumbers
from parametrization.rules.parametrization import Parametrization
from tuner.engine.orders import TrainOrder
from tuner.engine.reports import CoordinateStatistic
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.submitted import ReadableText, Submitted
from tuner.spec.target import Width
from tuner.storage.leases.leasing import LeasedTrial
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport

MOST_STEPS: Final = 10_000_000
MOST_LOSSES: Final = 100_000

Loss = Annotated[float, Field(allow_inf_nan=True)] | None


class LeaseAsked(Submitted):
    """A worker's request for a trial."""

    worker: Annotated[ReadableText, Field(min_length=1, max_length=120)]
    """Name of your choice, one for each process that asks: a process that asks again under its name
    gets the same trial."""
    ttl_seconds: int = Field(default=60, ge=1, le=86_400)
    """Seconds after the last report at which the lease ends; the trial then goes to the next
    worker."""


class LeaseRead(TrialNumbers):
    """A trial to train, with everything that it takes."""

    study: str
    order: str
    """Reports go to `/v1/orders/{order}/reports`."""
    attempt: int
    """Goes into every report: those of an earlier attempt are refused."""
    trial: int
    """The trial's number within its study."""
    worker: str
    ttl_seconds: int
    expires_at: dt.datetime
    """Every report renews it."""
    width: int
    base_width: int
    depth: int
    batch_size: int
    """Examples of one update."""
    steps: int
    """Updates of the trial, which the schedule spans."""
    to_step: int
    """The step that ends this lease: the last rung. With a pruner, the first one to decide at."""
    rungs: tuple[int, ...]
    """Steps at which the trial is compared; a report may end between them."""
    start_step: int
    """0, or the step of the checkpoint to go on from."""
    checkpoint: str | None
    """Name that an earlier report gave to its state at `start_step`."""
    reported_step: int
    """Updates that are known already: reports of them change nothing."""
    seed: int
    """Seed of the initial tensors and of the data: trials of one seed see the same batches, in the
    same order, at every width."""
    parametrization: Parametrization
    hyperparameters: dict[str, float]
    """At the base width; `tensors` and `groups` are what the rules make of them at this one."""
    precision: Literal["fp32", "bf16"]


class ReportBody(Submitted):
    """A trainer's progress since its last report."""

    model_config = ConfigDict(allow_inf_nan=True)

    attempt: int = Field(ge=1)
    """Attempt of the lease."""
    step: int = Field(ge=0, le=MOST_STEPS)
    """Updates done in all."""
    train_loss: Annotated[tuple[Loss, ...], Field(max_length=MOST_LOSSES)] = ()
    """Losses of the updates since the last report, oldest first: one of each update, or means over
    equally many. One that is no finite number (null, NaN, Infinity) ends the trial as diverged."""
    validation_loss: Loss = None
    """Validation loss after `step`; needed at every rung where trials are compared by it."""
    diverged: bool = False
    """The training has broken down: the trial ends, and its learning rate counts as too high."""
    failed: Annotated[str, Field(max_length=2_000)] | None = None
    """The reason why the trial cannot be trained: it ends as failed."""
    checkpoint: Annotated[str, Field(max_length=2_000)] | None = None
    """Your name for the state at `step`: kept, and handed to the trainer that goes on with the
    trial."""

    def as_report(self, order_id: str, owner: str | None = None) -> TrainerReport:
        """The report to store, without numbers that are not finite."""
        broken = self.validation_loss is not None and not math.isfinite(self.validation_loss)
        return TrainerReport(
            order_id=order_id,
            attempt=self.attempt,
            step=self.step,
            train_loss=tuple(
                loss if loss is not None and math.isfinite(loss) else None
                for loss in self.train_loss
            ),
            validation_loss=None if broken else self.validation_loss,
            diverged=self.diverged or broken,
            failed=self.failed,
            checkpoint=self.checkpoint,
            owner=owner,
        )


class PostedStatistic(CoordinateStatistic, Submitted):
    """One of a trainer's statistics, of a width and a seed that there can be."""

    tensor: Annotated[ReadableText, Field(min_length=1, max_length=1_000)]
    width: Width
    seed: Annotated[int, Field(ge=0, lt=2**31)]


class CheckStatistics(Submitted):
    """Statistics of a trainer's own model for the coordinate check."""

    optimizer: Optimizer
    """One of the study's."""
    statistics: Annotated[tuple[PostedStatistic, ...], Field(min_length=1, max_length=100_000)]
    """Of every tensor, width and seed, in one request or in many."""


class ReportRead(Record):
    answer: Literal["continue", "stop"]
    reason: str | None
    """The reason to stop: `done` (as far as it shall be trained now), `diverged`, `failed`,
    `paused` or `cancelled`; null to go on."""
    step: int
    """Updates that are known of the trial."""
    expires_at: dt.datetime | None
    """Time at which the lease ends unless another report renews it; null once it has ended."""


def report_read(answer: ReportAnswer) -> bytes:
    """The answer to a report, as JSON."""
    return ReportRead(**answer.model_dump()).model_dump_json().encode()


def lease_read(lease: LeasedTrial, order: TrainOrder, numbers: TrialNumbers) -> LeaseRead:
    """A leased trial with its numbers."""
    (trial,) = (one.spec for one in order.trials)
    return LeaseRead(
        **{name: getattr(numbers, name) for name in TrialNumbers.model_fields},
        study=lease.study_id,
        order=lease.order_id,
        attempt=lease.attempt,
        trial=lease.number,
        worker=lease.worker,
        ttl_seconds=lease.ttl_seconds,
        expires_at=lease.expires_at,
        width=trial.model.width,
        base_width=trial.model.base_width,
        depth=trial.model.family.depth,
        batch_size=trial.training.batch_size,
        steps=trial.training.steps,
        to_step=order.to_step,
        rungs=order.rungs,
        start_step=lease.checkpoint_step or 0,
        checkpoint=lease.checkpoint,
        reported_step=lease.reported_step,
        seed=trial.seed,
        parametrization=trial.model.parametrization,
        hyperparameters=trial.hyperparameters,
        precision=trial.training.precision,
    )
