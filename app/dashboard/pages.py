"""The pages: what the JSON routes answer, for people."""

import datetime as dt
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.dashboard.sensitivity_table import transfer_parts
from app.dashboard.templating import page
from app.dependencies import Db, Settings, StudyId
from app.liveness import coordinator, coordinator_problem, place_of, study_problem
from app.progress import read_progress
from app.routes.workers import list_workers
from app.schemas.evidence import coordinate_check_read, sensitivity_read
from app.schemas.studies import study_read
from tuner.evidence.study_evidence import EvidenceSummary
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.storage.events import last_event_id
from tuner.storage.evidence import read_evidence
from tuner.storage.studies import get_study
from tuner.storage.trials.trial_list import list_trials

router = APIRouter()

TRIALS_SHOWN: Final = 100


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
