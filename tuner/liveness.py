"""Who is at work: the coordinator and the slots, as they last reported."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.records import Record
from tuner.tables import WorkerRow


class WorkerRecord(Record):
    """The coordinator (`tuner`) or a slot (`cpu-0`)."""

    name: str
    device: str
    order_id: str | None
    problem: str | None
    """In words, what keeps it from working."""
    heartbeat_at: dt.datetime


def workers(session: Session) -> tuple[WorkerRecord, ...]:
    """Everyone who ever reported, by name."""
    rows = session.scalars(select(WorkerRow).order_by(WorkerRow.name))
    return tuple(WorkerRecord.model_validate(row, from_attributes=True) for row in rows)
