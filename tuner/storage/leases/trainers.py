"""List users' own trainers as workers, each with its trial and the time of its last request."""

import datetime as dt
from enum import Enum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tuner.storage.heartbeats import WorkerRecord
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.lease_tables import LeaseRow, TrainerRow

REMEMBERED: Final = dt.timedelta(minutes=10)
"""Trainers that have not asked for this long are not listed."""


def trainers(session: Session, now: dt.datetime) -> tuple[tuple[WorkerRecord, bool], ...]:
    """Trainers that train or asked lately, by name, each with True if it is heard of in time."""
    found: dict[tuple[str, str], tuple[WorkerRecord, bool]] = {}
    asking = select(TrainerRow).where(TrainerRow.asks_until > now - REMEMBERED)
    for row in session.scalars(asking):
        record = _record(row.study_id, row.worker, None, row.asked_at)
        found[row.worker, row.study_id] = record, row.asks_until > now
    for lease in session.scalars(select(LeaseRow).where(LeaseRow.state == LeaseState.LEASED)):
        assert lease.worker is not None, "somebody leases it"
        assert lease.expires_at is not None, "it ends"
        heard = lease.expires_at - dt.timedelta(seconds=lease.ttl_seconds)
        record = _record(lease.study_id, lease.worker, lease.order_id, heard)
        found[lease.worker, lease.study_id] = record, lease.expires_at > now
    return tuple(found[key] for key in sorted(found))


class TrainerPresence(Enum):
    NEVER = "never"  # nobody has asked for a trial, as far as is remembered
    GONE = "gone"  # somebody has, and is not heard of any more
    AT_WORK = "at work"  # somebody trains or asks


def trainers_of(session: Session, study_id: str, now: dt.datetime) -> TrainerPresence:
    """The presence of a study's trainers: at work, gone, or never seen."""
    until = [
        *session.scalars(
            select(func.max(TrainerRow.asks_until)).where(TrainerRow.study_id == study_id)
        ),
        *session.scalars(
            select(func.max(LeaseRow.expires_at)).where(LeaseRow.study_id == study_id)
        ),
    ]
    heard = [one for one in until if one is not None]
    if not heard:
        return TrainerPresence.NEVER
    return TrainerPresence.AT_WORK if max(heard) > now else TrainerPresence.GONE


def _record(study_id: str, worker: str, order_id: str | None, heard: dt.datetime) -> WorkerRecord:
    return WorkerRecord(
        name=f"{worker} ({study_id})",
        device="external",
        order_id=order_id,
        problem=None,
        heartbeat_at=heard,
    )
