"""Orders as stored."""

import datetime as dt

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.engine import CheckOrder, DescribeOrder, Order, TrainOrder
from tuner.snapshot import OpenOrder
from tuner.states import OrderState
from tuner.stored_text import storable
from tuner.tables import OrderRow

_ORDER: TypeAdapter[DescribeOrder | CheckOrder | TrainOrder] = TypeAdapter(Order)


def open_orders_of(session: Session, study_id: str) -> tuple[OpenOrder, ...]:
    """Read the study's open orders, oldest first."""
    return tuple(
        OpenOrder(order=order_of(row), losses=row.losses) for row in open_rows(session, study_id)
    )


def open_rows(session: Session, study_id: str | None = None) -> list[OrderRow]:
    """Rows of the open orders of one study, or of all, oldest first."""
    query = select(OrderRow).where(OrderRow.state == OrderState.OPEN)
    if study_id is not None:
        query = query.where(OrderRow.study_id == study_id)
    return list(session.scalars(query.order_by(OrderRow.created_at, OrderRow.id)))


def order_of(row: OrderRow) -> DescribeOrder | CheckOrder | TrainOrder:
    """Read an order from its row."""
    return _ORDER.validate_python(row.payload | {"attempt": row.attempt})


def close_order(row: OrderRow, state: OrderState, message: str | None = None) -> None:
    """End an order; reports of it are ignored from here on."""
    assert row.state == OrderState.OPEN, "an order ends once"
    row.state = state
    row.message = storable(message)
    row.finished_at = dt.datetime.now(dt.UTC)
