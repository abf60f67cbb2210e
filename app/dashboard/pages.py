"""The pages: what the JSON routes answer, for people."""

import datetime as dt
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dependencies import Db, Settings, Verdicts
from app.liveness import coordinator, coordinator_problem
from app.routes.studies import list_studies
from app.routes.workers import list_workers, read_queue
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.storage.events import last_event_id

router = APIRouter()

MOST_QUEUED: Final = 500
"""Studies of the queue that are shown by name; others by their id."""


@router.get("/workers")
def show_workers(database: Db, settings: Settings) -> HTMLResponse:
    """Who works, and on what."""
    with database.read() as session:
        last_event, tuner = last_event_id(session), coordinator(session)
    now = dt.datetime.now(dt.UTC)
    return page(
        "workers.html",
        workers=list_workers(database, settings).workers,
        problem=coordinator_problem(tuner, now, settings.coordinator_silence_seconds),
        last_event=last_event,
    )


@router.get("/queue")
def show_queue(database: Db, verdicts: Verdicts, settings: Settings) -> HTMLResponse:
    """Who holds slots, and whose turn comes next."""
    with database.read() as session:
        last_event = last_event_id(session)
    active = list_studies(
        database, verdicts, state=sorted(ACTIVE_STUDY_STATES), page_size=MOST_QUEUED
    )
    queued = read_queue(database, settings)
    return page(
        "queue.html",
        queue=queued.places,
        studies={study.id: study for study in active.studies},
        problem=queued.problem,
        last_event=last_event,
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
