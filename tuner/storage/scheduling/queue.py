"""Read where studies stand in the queue for slots, from what is stored."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.decisions.queue import Place, SlotsNow, places
from tuner.engine.orders import OrderId
from tuner.records.snapshot import ActiveStudy
from tuner.spec.families.registry import FAMILIES
from tuner.spec.states import ACTIVE_STUDY_STATES, OrderState, StudyState
from tuner.storage.heartbeats import WorkerRecord, workers
from tuner.storage.orders import open_order_ids
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.sql.viewers import viewer_of

COORDINATOR: Final = "tuner"
RECENT_ORDERS: Final = 50
"""Newest completed orders whose mean duration is the pace of the queue."""

# Without specifications: they are long, and a thousand studies may wait.
_ACTIVE = select(
    StudyRow.id,
    StudyRow.version,
    StudyRow.priority,
    StudyRow.created_at,
    StudyRow.owner,
    StudyRow.state,
    StudyRow.spec["family"]["name"].as_string().label("family"),
).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))


def read_queue(
    session: Session, heard_since: dt.datetime, most_per_share: int | None = None
) -> tuple[Place, ...]:
    """Places of the active studies whose trials are trained here; see `places`.

    Studies of every owner count; only those that the session's viewer may see are returned.

    Args:
        heard_since: slots whose last sign of life is older do not count.
        most_per_share: orders of one share that may run at once.

    """
    rows = connection_of(session).execute(_ACTIVE).all()
    trained_here = [
        row for row in rows if not (row.family in FAMILIES and FAMILIES[row.family].is_external)
    ]
    known = [
        one
        for one in workers(session)
        if one.name != COORDINATOR and one.heartbeat_at >= heard_since
    ]
    orders = open_order_ids(session)
    busy_with = [OrderId(one.order_id) for one in known if one.order_id is not None]
    running = Counter(orders[order_id] for order_id in busy_with if order_id in orders)
    viewer = viewer_of(session)
    seen = {row.id for row in rows if viewer is None or viewer.sees(row.id, row.owner)}
    found = places(
        [
            ActiveStudy(row.id, row.version, row.priority, row.created_at, owner=row.owner)
            for row in trained_here
        ],
        running,
        [row.id for row in trained_here if row.state != StudyState.QUEUED],
        _slots_now(known),
        _order_seconds(session, running),
        most_per_share,
    )
    return tuple(place for place in found if place.study_id in seen)


def _slots_now(known: Iterable[WorkerRecord]) -> SlotsNow:
    listed = list(known)
    well = [one for one in listed if one.problem is None]
    return SlotsNow(
        well=len(well),
        free=sum(one.order_id is None for one in well),
        problems=tuple(f"{one.name}: {one.problem}" for one in listed if one.problem is not None),
    )


def _order_seconds(session: Session, study_ids: Iterable[str]) -> float | None:
    """Mean seconds of the newest completed orders of these studies; None if there are none."""
    query = (
        select(OrderRow.created_at, OrderRow.finished_at)
        .where(OrderRow.study_id.in_(sorted(study_ids)), OrderRow.state == OrderState.DONE)
        .order_by(OrderRow.created_at.desc())
        .limit(RECENT_ORDERS)
    )
    took = [
        (end - start).total_seconds() for start, end in connection_of(session).execute(query) if end
    ]
    return sum(took) / len(took) if took else None
