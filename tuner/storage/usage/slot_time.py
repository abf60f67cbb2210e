"""Sum the time that orders held slots, by owner, project, study or day.

An order is stored when it is given to a slot and ended when the slot is free again, so the time
between is what it cost: also that of trials which were pruned, lost or cancelled.
"""

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, case, distinct, func, literal, select
from sqlalchemy.orm import Session

from tuner.storage.sql.column_types import UtcDateTime
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.usage.moments import day_of, seconds_between

EXTERNAL: Final = "external"
"""The family whose trials run on slots of their owner's own."""


class UsageGroup(StrEnum):
    """The kinds of groups that the rows of a summary stand for."""

    OWNER = "owner"
    PROJECT = "project"
    STUDY = "study"
    DAY = "day"


class SlotTime(NamedTuple):
    """The time that one group's orders held slots."""

    name: str
    """The owner, the project (empty: of studies that name none), the study's id, or the day."""
    seconds: float
    """Seconds on slots of the service."""
    own_seconds: float
    """Seconds on slots of the owner's own trainers."""
    orders: int
    studies: int


class Period(NamedTuple):
    """A span of time; open where an end is None."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None


def slot_time(
    session: Session, group: UsageGroup, period: Period, now: dt.datetime
) -> list[SlotTime]:
    """Slots' time within a period, most first, of every group that has any.

    Args:
        now: end of the time that is counted for orders that still run.

    """
    name = _names(session)[group]
    query = _within(session, period, now).add_columns(name.label("name")).group_by(name)
    found = [
        SlotTime(str(row.name), row.seconds or 0.0, row.own_seconds or 0.0, row.orders, row.studies)
        for row in session.execute(query)
    ]
    return sorted(found, key=lambda one: (-one.seconds - one.own_seconds, one.name))


def study_names(session: Session, study_ids: Sequence[str]) -> dict[str, str]:
    """Names of studies by id."""
    query = select(StudyRow.id, StudyRow.spec["name"].as_string().label("name"))
    rows = session.execute(query.where(StudyRow.id.in_(study_ids)))
    return {row.id: row.name or "" for row in rows}


def _names(session: Session) -> dict[UsageGroup, Any]:
    return {
        UsageGroup.OWNER: StudyRow.owner,
        UsageGroup.PROJECT: func.coalesce(StudyRow.project, ""),
        UsageGroup.STUDY: OrderRow.study_id,
        UsageGroup.DAY: day_of(session, OrderRow.created_at),
    }


def _within(session: Session, period: Period, now: dt.datetime) -> Select[*tuple[Any, ...]]:
    """Sums over orders that held a slot within the period."""
    moment = UtcDateTime()
    ended = func.coalesce(OrderRow.finished_at, literal(now, moment), type_=moment)
    begin: ColumnElement[dt.datetime] = OrderRow.created_at.expression
    end: ColumnElement[dt.datetime] = ended
    conditions: list[ColumnElement[bool]] = []
    if period.since is not None:
        since = literal(period.since, moment)
        begin = case((OrderRow.created_at < since, since), else_=OrderRow.created_at)
        conditions.append(ended > since)
    if period.until is not None:
        until = literal(period.until, moment)
        end = case((ended > until, until), else_=ended)
        conditions.append(OrderRow.created_at < until)
    seconds = seconds_between(session, begin, end)
    is_own = StudyRow.spec["family"]["name"].as_string() == EXTERNAL
    return (
        select(
            func.sum(case((is_own, 0.0), else_=seconds)).label("seconds"),
            func.sum(case((is_own, seconds), else_=0.0)).label("own_seconds"),
            func.count().label("orders"),
            func.count(distinct(OrderRow.study_id)).label("studies"),
        )
        .join(StudyRow, StudyRow.id == OrderRow.study_id)
        .where(*conditions)
    )
