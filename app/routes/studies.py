"""Studies: ask for one, list them, read one, stop it and let it go on."""

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy.orm import Session

from app.dependencies import Db, Settings, StudyId
from app.json_requests import JsonRoute
from app.liveness import study_problem
from app.progress import read_progress
from app.schemas.studies import StudyList, StudyRead, study_read, study_summary
from app.settings import AppSettings
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage import studies, study_list
from tuner.storage.database import Database

router = APIRouter(prefix="/v1/studies", tags=["studies"], route_class=JsonRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description=(
            "Printable characters of your choice. The same key with the same body gives the"
            " study that the first request made, however often it is sent."
        ),
    ),
]
_LOCATION: Final = {
    "Location": {"description": "Path of the study", "schema": {"type": "string"}, "required": True}
}
_ETAG: Final = {
    "ETag": {"description": "The study's version", "schema": {"type": "string"}, "required": True}
}


@router.post("", status_code=202, responses={202: {"headers": _LOCATION | _ETAG}})
def create_study(
    body: StudySpec,
    response: Response,
    database: Db,
    settings: Settings,
    idempotency_key: IdempotencyKey = None,
) -> StudyRead:
    """Queue a study; poll it, or follow its events, until it is completed.

    Family and target are required, every other field has a default. The answer shows the
    specification as stored, with every default filled in.
    """
    asked = hashlib.sha256(body.model_dump_json(exclude_unset=True).encode()).hexdigest()
    with database.write() as session:
        study, _ = studies.open_study(
            session, body, idempotency_key=idempotency_key, request_hash=asked
        )
    answer = read_whole(database, settings, study.id)
    response.headers["Location"] = answer.links.self
    response.headers["ETag"] = f'"{answer.version}"'
    return answer


@router.get("")
def list_studies(
    database: Db,
    state: Annotated[StudyState | None, Query(description="Only those in this state")] = None,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> StudyList:
    """Studies, newest first."""
    with database.read() as session:
        page = study_list.list_studies(
            session, state=state, page_size=page_size, page_token=page_token
        )
    return StudyList(
        studies=tuple(study_summary(study) for study in page.studies),
        unreadable=page.unreadable,
        next_page_token=page.next_page_token,
    )


@router.get("/{study_id}", responses={200: {"headers": _ETAG}})
def read_study(
    study_id: StudyId, response: Response, database: Db, settings: Settings
) -> StudyRead:
    """One study: its state, its specification, and how far it is."""
    answer = read_whole(database, settings, study_id)
    response.headers["ETag"] = f'"{answer.version}"'
    return answer


@router.post("/{study_id}:cancel")
def cancel_study(study_id: StudyId, database: Db, settings: Settings) -> StudyRead:
    """End the study for good. What it has learned stays readable."""
    return _moved(studies.cancel_study, study_id, database, settings)


@router.post("/{study_id}:pause")
def pause_study(study_id: StudyId, database: Db, settings: Settings) -> StudyRead:
    """Stop the study's work; its trials keep their last checkpoints."""
    return _moved(studies.pause_study, study_id, database, settings)


@router.post("/{study_id}:resume")
def resume_study(study_id: StudyId, database: Db, settings: Settings) -> StudyRead:
    """Let a paused study go on where it was."""
    return _moved(studies.resume_study, study_id, database, settings)


def read_whole(database: Database, settings: AppSettings, study_id: str) -> StudyRead:
    """A study with its progress, from one state of the database."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        study = studies.get_study(session, study_id)
        progress = read_progress(session, study, now)
        problem = study_problem(session, study, now, settings.coordinator_silence_seconds)
    return study_read(study, progress, problem)


def _moved(
    move: Callable[[Session, str], StudyRecord],
    study_id: str,
    database: Database,
    settings: AppSettings,
) -> StudyRead:
    with database.write() as session:
        move(session, study_id)
    return read_whole(database, settings, study_id)
