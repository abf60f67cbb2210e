"""A trainer's report about the trial that it leases, and what it is answered."""

import datetime as dt
from typing import Literal

from tuner.spec.record import Record


class TrainerReport(Record):
    """What a trainer says about the trial that it leases; numbers that are not finite are None."""

    order_id: str
    attempt: int
    step: int
    train_loss: tuple[float | None, ...] = ()
    validation_loss: float | None = None
    diverged: bool = False
    failed: str | None = None
    checkpoint: str | None = None
    owner: str | None = None
    """Whose trials it may tell of; None: anybody's."""


class ReportAnswer(Record):
    """What the trainer shall do."""

    answer: Literal["continue", "stop"]
    reason: str | None = None
    """Why to stop: `done`, `rung`, `diverged`, `failed`, `paused`, `cancelled`."""
    step: int
    """Updates that are known of the trial."""
    expires_at: dt.datetime | None = None
    """When the lease ends unless another report renews it."""
