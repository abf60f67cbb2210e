"""The tables of trials that trainers of users' own lease over HTTP, and of those trainers."""

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tuner.storage.sql.tables import Base


class LeaseRow(Base):
    """A trial that a trainer leases or may lease: one row a trial, of its newest order."""

    __tablename__ = "leases"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["trials.study_id", "trials.number"]),
        Index(None, "state", "study_id"),
    )

    study_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(String(128), unique=True)
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    """A `LeaseState`."""
    worker: Mapped[str | None] = mapped_column(String(120))
    """Name of the trainer that has or had it; NULL until one takes it."""
    ttl_seconds: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[dt.datetime | None]
    offered_at: Mapped[dt.datetime]
    rungs: Mapped[list[Any]]
    """Steps that the order reports at, ascending; the last is its goal."""
    needs_validation: Mapped[bool]
    """True if trials are compared by the validation loss, which every rung then needs."""
    step: Mapped[int] = mapped_column(default=0)
    """Updates that have been reported."""
    validated_step: Mapped[int] = mapped_column(default=0)
    """The newest step with a validation loss."""
    diverged: Mapped[bool] = mapped_column(default=False)
    failure: Mapped[str | None] = mapped_column(Text)
    """The trainer's reason for giving the trial up, in its own words; NULL if it has not."""
    checkpoint_step: Mapped[int | None]
    checkpoint: Mapped[str | None] = mapped_column(Text)
    """The trainer's name for its state at that step: stored and handed on, never opened."""


class LeaseReportRow(Base):
    """Losses of consecutive updates of a leased trial, kept until the trial has ended.

    A thousand of them may arrive in a second, so that nothing but the row itself is written.
    """

    __tablename__ = "lease_reports"

    study_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    """Step of the last of these updates."""
    first_step: Mapped[int]
    losses: Mapped[bytes] = mapped_column(LargeBinary)
    """Losses as little-endian float32, finite: one a step, or one for each of equally many
    steps."""
    validation_loss: Mapped[float | None]
    """Validation loss after `step`."""


class TrainerRow(Base):
    """A trainer that asked for a trial and got none: it is a free slot until it stops asking."""

    __tablename__ = "trainers"

    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    worker: Mapped[str] = mapped_column(String(120), primary_key=True)
    asked_at: Mapped[dt.datetime]
    asks_until: Mapped[dt.datetime]
    """The trainer counts as gone if it has not asked again by then."""
