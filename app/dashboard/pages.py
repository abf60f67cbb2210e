"""The pages: what the JSON routes answer, for people."""

import datetime as dt
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dependencies import Db, Settings
from app.liveness import coordinator, coordinator_problem
from app.routes.workers import list_workers

router = APIRouter()


@router.get("/workers")
def show_workers(database: Db, settings: Settings) -> HTMLResponse:
    """Who works, and on what."""
    with database.read() as session:
        tuner = coordinator(session)
    now = dt.datetime.now(dt.UTC)
    return page(
        "workers.html",
        workers=list_workers(database, settings).workers,
        problem=coordinator_problem(tuner, now, settings.coordinator_silence_seconds),
    )


class _Route(NamedTuple):
    method: str
    path: str
    what: str


@router.get("/docs")
def show_api(request: Request) -> HTMLResponse:
    """The routes and what each does."""
    paths = request.app.openapi()["paths"]
    routes = [
        _Route(method.upper(), path, operation["description"].partition("\n\n")[0])
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    return page("api.html", routes=routes)
