"""The pages: what the JSON routes answer, for people."""

import datetime as dt
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.dashboard.sensitivity_table import transfer_parts
from app.dashboard.templating import page
from app.dependencies import Db, Settings, StudyId
from app.liveness import coordinator, coordinator_problem, study_problem
from app.progress import progress_of
from app.routes.studies import list_studies
from app.routes.workers import list_workers
from app.schemas.evidence import coordinate_check_read, sensitivity_read
from app.schemas.studies import study_read
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudySnapshot
from tuner.storage.events import last_event_id
from tuner.storage.studies import read_snapshot

router = APIRouter()


@router.get("/")
def show_studies(
    request: Request,
    database: Db,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """All studies, newest first."""
    listed = list_studies(database, page_token=page_token)
    return page(
        "studies.html",
        studies=listed.studies,
        unreadable=listed.unreadable,
        next_page_token=listed.next_page_token,
        origin=str(request.base_url).rstrip("/"),
    )


@router.get("/studies/{study_id}")
def show_study(study_id: StudyId, database: Db, settings: Settings) -> HTMLResponse:
    """One study: where it is, what it measured, what it recommends."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        last_event = last_event_id(session)
        snapshot = read_snapshot(session, study_id)
        problem = study_problem(session, snapshot.study, now, settings.coordinator_silence_seconds)
    evidence = sensitivity_read(snapshot)
    return page(
        "study.html",
        study=study_read(snapshot.study, progress_of(snapshot, now), problem),
        last_event=last_event,
        evidence=evidence,
        transfer_parts=transfer_parts(evidence),
        checks=coordinate_check_read(snapshot).checks,
        trials=snapshot.trials,
        recommendation=_recommendation(snapshot),
    )


def _recommendation(snapshot: StudySnapshot) -> Recommendation | None:
    try:
        return recommend(snapshot)
    except NotReady:
        return None


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
