"""A trainer's report about the trial that it leases, and the answer to it."""

import datetime as dt
from typing import Literal

from parametrization.recommendation.record import Record


class TrainerReport(Record):
    """A trainer's report about its leased trial; a loss that is not finite is None."""

    order_id: str
    attempt: int
    step: int
    train_loss: tuple[float | None, ...] = ()
    validation_loss: float | None = None
    diverged: bool = False
    failed: str | None = None
    checkpoint: str | None = None
    owner: str | None = None
    """Owner of the trials that it may report about; None for any owner's."""


class ReportAnswer(Record):
    """The instruction to a trainer that has reported: continue or stop."""

    answer: Literal["continue", "stop"]
    reason: str | None = None
    """The reason to stop: `done`, `rung`, `diverged`, `failed`, `paused`, `cancelled`; None to
    continue."""
    step: int
    """Updates of the trial that have been reported."""
    expires_at: dt.datetime | None = None
    """Time at which the lease ends unless another report renews it; None once it has ended."""
