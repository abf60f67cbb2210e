"""Store and read heartbeats of the coordinator and of every slot."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.spec.record import Record
from tuner.storage.sql.tables import OrderRow, WorkerRow
from tuner.storage.sql.text import storable
from tuner.storage.sql.viewers import viewer_of


class WorkerRecord(Record):
    """The coordinator (`tuner`) or a slot (`cpu-0`)."""

    name: str
    device: str
    order_id: str | None
    problem: str | None
    """In words, what keeps it from working."""
    heartbeat_at: dt.datetime


def workers(session: Session) -> tuple[WorkerRecord, ...]:
    """Everyone who ever reported, by name, without orders of studies that are not seen here."""
    rows = session.scalars(select(WorkerRow).order_by(WorkerRow.name))
    found = tuple(WorkerRecord.model_validate(row, from_attributes=True) for row in rows)
    if viewer_of(session) is None:
        return found
    orders = [one.order_id for one in found if one.order_id is not None]
    seen = set(session.scalars(select(OrderRow.id).where(OrderRow.id.in_(orders))))
    return tuple(
        one if one.order_id in seen else one.model_copy(update={"order_id": None}) for one in found
    )


def beat(
    session: Session, name: str, device: str, order_id: str | None, problem: str | None
) -> None:
    """Store that the coordinator or a slot is alive, what it runs, and what ails it."""
    row = session.get(WorkerRow, name)
    if row is None:
        row = WorkerRow(name=name)
        session.add(row)
    row.device = device
    row.order_id = order_id
    row.problem = storable(problem)
    row.heartbeat_at = dt.datetime.now(dt.UTC)
