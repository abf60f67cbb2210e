"""Store and read heartbeats of the coordinator and of every slot."""

import datetime as dt
from collections.abc import Iterable
from typing import Final, NamedTuple, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import OrderRow, WorkerRow
from tuner.storage.sql.text import storable
from tuner.storage.sql.viewers import viewer_of

_TABLE: Final = cast("Table", WorkerRow.__table__)
_KNOWN: Final = select(WorkerRow.name).where(
    WorkerRow.name.in_(bindparam("of_workers", expanding=True))
)
_RENEW: Final = update(_TABLE).where(_TABLE.c.name == bindparam("of_worker"))
_INSERT: Final = insert(_TABLE).values(name=bindparam("of_worker"))


class WorkerRecord(Record):
    """The coordinator (`tuner`) or a slot (`cpu-0`)."""

    name: str
    device: str
    order_id: str | None
    problem: str | None
    """The reason why it cannot work, in words; None if it is well."""
    heartbeat_at: dt.datetime


def workers(session: Session) -> tuple[WorkerRecord, ...]:
    """Coordinator and slots ever heard of, by name, without orders hidden from the viewer."""
    rows = session.scalars(select(WorkerRow).order_by(WorkerRow.name))
    found = tuple(WorkerRecord.model_validate(row, from_attributes=True) for row in rows)
    if viewer_of(session) is None:
        return found
    orders = [one.order_id for one in found if one.order_id is not None]
    seen = set(session.scalars(select(OrderRow.id).where(OrderRow.id.in_(orders))))
    return tuple(
        one if one.order_id in seen else one.model_copy(update={"order_id": None}) for one in found
    )


class Beat(NamedTuple):
    """A sign of life of the coordinator or of a slot."""

    name: str
    device: str
    order_id: str | None = None
    """Id of the order that it runs; None if it runs none."""
    problem: str | None = None
    """The reason why it cannot work, in words; None if it is well."""


def beat(
    session: Session, name: str, device: str, order_id: str | None, problem: str | None
) -> None:
    """Store a sign of life of the coordinator or of a slot, with its order and its problem."""
    store_beats(session, [Beat(name, device, order_id, problem)])


def store_beats(session: Session, beats: Iterable[Beat]) -> None:
    """Store any number of signs of life with the same few statements."""
    now = dt.datetime.now(dt.UTC)
    rows = {
        one.name: {
            "of_worker": one.name,
            "device": one.device,
            "order_id": one.order_id,
            "problem": storable(one.problem),
            "heartbeat_at": now,
        }
        for one in beats
    }
    connection = connection_of(session)
    known = set(connection.scalars(_KNOWN, {"of_workers": sorted(rows)}))
    if renewed := [row for name, row in rows.items() if name in known]:
        connection.execute(_RENEW, renewed)
    if new := [row for name, row in rows.items() if name not in known]:
        connection.execute(_INSERT, new)
