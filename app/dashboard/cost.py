"""The page of the slot hours that were used, and their cost."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dependencies import Db, Sender, Settings
from app.routes.service.usage import read_usage
from tuner.storage.usage.slot_time import UsageGroup

router = APIRouter()

ROWS: Final = 100
PERIODS: Final[Mapping[str, str]] = {
    "": "all time",
    "7": "7 days",
    "30": "30 days",
    "365": "a year",
}
"""Define what can be looked back on, in days."""


@router.get("/cost")
def show_cost(
    request: Request,
    database: Db,
    sender: Sender,
    settings: Settings,
    group_by: Annotated[str, Query(max_length=40)] = UsageGroup.STUDY,
    days: Annotated[str, Query(max_length=8)] = "",
) -> HTMLResponse:
    """Hours of slots by study, day, project or owner, and their cost."""
    group = UsageGroup(group_by) if group_by in list(UsageGroup) else UsageGroup.STUDY
    since = None
    if days in PERIODS and days:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        since = now - dt.timedelta(days=int(days))
    usage = read_usage(
        request, database, sender, settings, group_by=group, since=since, until=None, limit=ROWS
    )
    asked = {"group_by": group.value, "limit": ROWS}
    if since is not None:
        asked["since"] = since.isoformat()
    return page(
        "cost.html",
        usage=usage,
        most=max((row.hours + row.own_hours for row in usage.rows), default=0.0),
        groups=list(UsageGroup),
        periods=PERIODS,
        days=days,
        json=f"/v1/usage?{urlencode(asked)}",
    )
