"""Serve the slot hours that owners have used, and their cost."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from app.dependencies import Db, Sender, Settings
from app.schemas.texts import Moment
from app.settings import AppSettings
from parametrization.recommendation.record import Record
from tuner.spec.access import Scope
from tuner.storage.sql.database import Database
from tuner.storage.usage.slot_time import Period, SlotTime, UsageGroup, slot_time, study_names

router = APIRouter(prefix="/v1", tags=["usage"])


class Used(Record):
    """Slot hours that were used, and their cost."""

    hours: float
    """Hours of the service's GPUs, or of its cores: `unit` says which."""
    own_hours: float
    """Hours of slots of the owner's own trainers, which have no price."""
    cost: float | None
    """`hours` at `price_per_hour`; null where there is no price."""
    orders: int
    """Orders that slots were held for: each trains some trials up to their next comparison, runs a
    check, or measures."""


class UsageRow(Used):
    name: str
    """The owner, the project (empty: none), the study's id, or the day (UTC)."""
    study_name: str | None
    """Name of the study where rows are studies; null otherwise."""
    studies: int


class Usage(Record):
    group_by: UsageGroup
    since: dt.datetime | None
    until: dt.datetime | None
    unit: Literal["gpu", "core"]
    """Unit of the hours; a share of a GPU counts as that share."""
    price_per_hour: float | None
    currency: str
    rows: tuple[UsageRow, ...]
    """Most hours first; by day: the newest first."""
    others: Used
    """Sums over the rows beyond `limit`."""
    total: Used


@router.get("/usage")
def read_usage(  # noqa: PLR0913  # one query parameter each
    request: Request,
    database: Db,
    sender: Sender,
    settings: Settings,
    group_by: UsageGroup = UsageGroup.OWNER,
    since: Annotated[Moment | None, Query(description="Default: from the beginning")] = None,
    until: Annotated[Moment | None, Query(description="Default: up to now")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Rows; the others are summed")] = 100,
) -> Usage:
    """Hours of slots, and their cost, by owner, project, study or day.

    A slot is held from the moment it is given an order until that ends, whatever becomes of its
    trials. An order counts for the day on which it began. Everybody sees their own studies'; by
    owner, a key with the scope `admin` sees every owner's.
    """
    if group_by is UsageGroup.OWNER and Scope.ADMIN in sender.scopes:
        everybody: Database = request.app.state.database
        database = everybody
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        found = slot_time(session, group_by, Period(since, until), now)
        if group_by is UsageGroup.DAY:
            found.sort(key=lambda one: one.name, reverse=True)
        shown = found[:limit]
        names = {}
        if group_by is UsageGroup.STUDY:
            names = study_names(session, [one.name for one in shown])
    return Usage(
        group_by=group_by,
        since=since,
        until=until,
        unit="core" if settings.slots_per_gpu is None else "gpu",
        price_per_hour=settings.price_per_hour,
        currency=settings.currency,
        rows=tuple(
            UsageRow(
                name=one.name,
                study_name=names.get(one.name),
                studies=one.studies,
                **dict(_used([one], settings)),
            )
            for one in shown
        ),
        others=_used(found[limit:], settings),
        total=_used(found, settings),
    )


def _used(groups: Sequence[SlotTime], settings: AppSettings) -> Used:
    hour = 3600 * (settings.slots_per_gpu or 1)
    hours = math.fsum(one.seconds for one in groups) / hour
    price = settings.price_per_hour
    return Used(
        hours=hours,
        own_hours=math.fsum(one.own_seconds for one in groups) / 3600,
        cost=None if price is None else hours * price,
        orders=sum(one.orders for one in groups),
    )
