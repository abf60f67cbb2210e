"""The pages: what the JSON routes answer, for people."""

import datetime as dt
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute, iter_route_contexts

from app.dashboard.templating import page
from app.dependencies import Db, Settings, Verdicts
from app.liveness import coordinator, coordinator_problem
from app.routes.running.studies import list_studies
from app.routes.workers import list_workers, read_queue
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.storage.events import last_event_id
from tuner.storage.study_list import ANY_STUDY

router = APIRouter()

MOST_QUEUED: Final = 500
"""Studies of the queue that are shown by name; others by their id."""


@router.get("/workers")
def show_workers(database: Db, settings: Settings) -> HTMLResponse:
    """The workers, and the work of each."""
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
    """The studies that hold slots, and the order in which the others get them."""
    with database.read() as session:
        last_event = last_event_id(session)
    active = list_studies(
        database, verdicts, ANY_STUDY, state=sorted(ACTIVE_STUDY_STATES), page_size=MOST_QUEUED
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
    path: str | None
    what: str


@router.get("/docs")
def show_api(request: Request) -> HTMLResponse:
    """The routes and what each does."""
    # Read off the routes: describing their bodies as well, as /openapi.json does, takes seconds.
    by_path: dict[str | None, list[_Route]] = {}
    for route in iter_route_contexts(request.app.routes):
        if isinstance(route.original_route, APIRoute) and route.include_in_schema:
            what = route.description.partition("\n\n")[0]
            named = [_Route(method, route.path_format, what) for method in route.methods or ()]
            by_path.setdefault(route.path_format, []).extend(named)
    return page("api.html", routes=[one for routes in by_path.values() for one in routes])
