"""Orders as stored."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import cast

from sqlalchemy import Table, and_, bindparam, insert, select, update
from sqlalchemy.orm import Session

from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import AnyOrder, OpenTrial, OrderId, TrainOrder
from tuner.engine.packing import SOLO
from tuner.records.errors import DocumentUnreadable, OrderUnreadable
from tuner.records.snapshot import OpenOrder
from tuner.spec.states import ACTIVE_STUDY_STATES, OrderState, StateReason
from tuner.storage.documents import ORDER
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.column_types import UtcDateTime
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import OrderRow, StudyRow, TrialRow
from tuner.storage.sql.text import storable
from tuner.storage.trials.rows import unfinished_trials
from tuner.storage.trials.trial_counts import note_read

# By the active studies, which are few: orders that have ended are many, and stay.
_OPEN_IDS = (
    select(OrderRow.id, OrderRow.study_id)
    .where(
        OrderRow.study_id.in_(select(StudyRow.id).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))),
        OrderRow.state == OrderState.OPEN,
    )
    .order_by(OrderRow.created_at, OrderRow.id)
)

_TABLE = cast("Table", OrderRow.__table__)
_OPEN_ONES = and_(
    OrderRow.id.in_(bindparam("of_orders", expanding=True)), OrderRow.state == OrderState.OPEN
)
_ATTEMPTS = (
    select(OrderRow.id, OrderRow.attempt, OrderRow.study_id, StudyRow.counts)
    .join(StudyRow, StudyRow.id == OrderRow.study_id)
    .where(_OPEN_ONES)
)
_FINISH = (
    update(_TABLE)
    .where(OrderRow.id == bindparam("of_order"), OrderRow.state == OrderState.OPEN)
    .values(state=OrderState.DONE, finished_at=bindparam("now", type_=UtcDateTime))
)
_INSERT = insert(_TABLE)


def open_orders_of(
    session: Session, study_id: str, *, skip_unreadable: bool = False
) -> tuple[OpenOrder, ...]:
    """Read the study's open orders, oldest first.

    Raises:
        OrderUnreadable: if one cannot be read, unless those are skipped.

    """
    orders = []
    for row in open_rows(session, study_id):
        try:
            orders.append(OpenOrder(order=order_of(row), losses=row.losses))
        except OrderUnreadable:
            if not skip_unreadable:
                raise
    return tuple(orders)


def open_order_ids(session: Session) -> dict[OrderId, str]:
    """Ids of the open orders of all studies, oldest first, each with that of its study."""
    return {OrderId(id_): study_id for id_, study_id in connection_of(session).execute(_OPEN_IDS)}


def read_order(session: Session, order_id: OrderId) -> AnyOrder:
    """Read a stored order.

    Raises:
        OrderUnreadable: if it cannot be read.

    """
    return order_of(session.get_one(OrderRow, order_id))


def open_rows(session: Session, study_id: str | None = None) -> list[OrderRow]:
    """Rows of the open orders of one study, or of all, oldest first."""
    query = select(OrderRow).where(OrderRow.state == OrderState.OPEN)
    if study_id is not None:
        query = query.where(OrderRow.study_id == study_id)
    return list(session.scalars(query.order_by(OrderRow.created_at, OrderRow.id)))


def order_of(row: OrderRow) -> AnyOrder:
    """Read an order from its row.

    Raises:
        OrderUnreadable: if it cannot be read.

    """
    try:
        return ORDER.read(row.payload)
    except DocumentUnreadable as error:
        raise OrderUnreadable(row.study_id, row.id, error.reason) from error


def close_order(row: OrderRow, state: OrderState, message: str | None = None) -> None:
    """End an order; reports of it are ignored from here on."""
    assert row.state == OrderState.OPEN, "an order ends once"
    row.state = state
    row.message = storable(message)
    row.finished_at = dt.datetime.now(dt.UTC)


def fail_unreadable_orders(session: Session, study_id: str | None = None) -> None:
    """Fail the open orders of one study, or of all, that cannot be read.

    Their trials stay as they are: the next decision about the study orders them anew, from their
    last checkpoints. The study's version is raised, because an order's id contains it and must not
    be used twice.
    """
    for row in open_rows(session, study_id):
        try:
            order_of(row)
        except OrderUnreadable as error:
            fail_order(session, row, StateReason.ERROR, error.reason)
            study = session.get_one(StudyRow, row.study_id)
            study.version += 1
            study.updated_at = dt.datetime.now(dt.UTC)


def fail_order(session: Session, row: OrderRow, reason: StateReason, message: str) -> None:
    """End an order in failure, with its event."""
    close_order(row, OrderState.FAILED, message)
    data = {"order_id": row.id, "kind": row.kind, "reason": reason, "message": message}
    write_event(session, row.study_id, EventKind.ORDER_FAILED, data)


def open_attempts(session: Session, order_ids: Collection[OrderId]) -> dict[OrderId, int]:
    """The attempts at those of these orders that are open."""
    rows = connection_of(session).execute(_ATTEMPTS, {"of_orders": sorted(order_ids)}).all()
    for row in rows:
        note_read(session, row.study_id, row.counts)
    return {OrderId(row.id): row.attempt for row in rows}


def finish_orders(session: Session, order_ids: Collection[OrderId]) -> None:
    """End open orders whose trials have reached their goals."""
    if order_ids:
        now = dt.datetime.now(dt.UTC)
        ended = [{"of_order": order_id, "now": now} for order_id in sorted(order_ids)]
        connection_of(session).execute(_FINISH, ended)


def insert_orders(session: Session, orders: Iterable[AnyOrder]) -> None:
    """Store orders as open."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "id": order.id,
            "study_id": order.study_id,
            "kind": order.kind,
            "payload": ORDER.write(order),
            "attempt": order.attempt,
            "losses": 0,
            "state": OrderState.OPEN,
            "created_at": now,
        }
        for order in orders
    ]
    if rows:
        connection_of(session).execute(_INSERT, rows)


def reissue(session: Session, row: OrderRow, *, alone: bool = False) -> None:
    """Open another attempt at an order, from what its trials have stored by now.

    With `alone` its trials train one after another: together they may have been too much.

    Trials that have ended or stand at the order's goal drop out of it; an order without trials
    is done.
    """
    order = order_of(row)
    if isinstance(order, TrainOrder):
        numbers = [trial.spec.number for trial in order.trials]
        unfinished = {
            trial.number: trial for trial in unfinished_trials(session, row.study_id, numbers)
        }
        trials = tuple(
            OpenTrial(spec=trial.spec, start=_start(unfinished[trial.spec.number]))
            for trial in order.trials
            if trial.spec.number in unfinished
            and unfinished[trial.spec.number].step < order.to_step
        )
        if not trials:
            close_order(row, OrderState.DONE)
            return
        done = min(trial.start.step if trial.start else 0 for trial in trials)
        rungs = tuple(rung for rung in order.rungs if rung > done)
        order = order.model_copy(
            update={"trials": trials, "rungs": rungs} | ({"packing": SOLO} if alone else {})
        )
    row.attempt += 1
    row.payload = ORDER.write(order.model_copy(update={"attempt": row.attempt}))


def _start(trial: TrialRow) -> Checkpoint | None:
    return Checkpoint(step=trial.step, uri=trial.checkpoint) if trial.checkpoint else None
