"""Studies: ask for one, list them, read one, stop it and let it go on."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeVar

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy.orm import Session

from app.dependencies import Db, IdempotencyKey, Settings, StudyId, Verdicts
from app.http.headers.entity_tags import versions
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.liveness import place_of, study_problem
from app.progress import read_progress
from app.routes.planning.planned import asked_sha256, planned
from app.routes.running.filters import PageSize, PageToken, States, Wanted
from app.schemas.coordinate_checks import StandaloneCheckRead
from app.schemas.studies import StudyEdit, StudyList, StudyRead, study_read, study_summary
from app.settings import AppSettings
from app.standings.standing import read_standing
from tuner.records.snapshot import StudyRecord
from tuner.spec.study import StudySpec
from tuner.storage import studies, study_list
from tuner.storage.changes import retrying, study_edits
from tuner.storage.changes.preconditions import require_version
from tuner.storage.changes.seeding import seed_search
from tuner.storage.changes.study_edits import Edit
from tuner.storage.sql.database import Database

router = APIRouter(
    prefix="/v1/studies", tags=["studies"], route_class=JsonRoute, dependencies=[InTurn]
)

LOCATION: Final = {
    "Location": {
        "description": "Path at which it is read",
        "schema": {"type": "string"},
        "required": True,
    }
}
ETAG: Final = {
    "ETag": {
        "description": "Changes whenever the answer does",
        "schema": {"type": "string"},
        "required": True,
    }
}
Answer = TypeVar("Answer", StudyRead, StandaloneCheckRead)
Kind = Literal["check", "search"]
Move = Callable[[Session, str], StudyRecord]
"""A change of a study's state."""
IfMatch = Annotated[
    str | None,
    Header(
        max_length=1_000,
        description="Only if neither the state nor an edit has changed the study since this ETag",
    ),
]


@router.post("", status_code=202, responses={202: {"headers": LOCATION | ETAG}})
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
    spec = planned(body, database, settings)
    with database.write() as session:
        study, is_new = studies.open_study(
            session, spec, idempotency_key=idempotency_key, asked_sha256=asked_sha256(body)
        )
        if is_new:
            seed_search(session, study)
    answer = read_whole(database, settings, study.id)
    response.headers["Location"] = answer.links.self
    return tagged(response, answer)


@router.get("")
def list_studies(
    database: Db,
    verdicts: Verdicts,
    wanted: Wanted,
    state: States = None,
    kind: Annotated[
        Kind | None,
        Query(description="`check`: those that stop after their coordinate check; or the others"),
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> StudyList:
    """Studies, newest first, that fit every filter; `state` and `label` may be repeated.

    Go on with `next_page_token` and the same filters.
    """
    if kind is not None:
        wanted = wanted._replace(only_checks=kind == "check")
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        page = study_list.list_studies(
            session, state=state, wanted=wanted, page_size=page_size, page_token=page_token
        )
        listed = tuple(
            study_summary(study, read_standing(session, study, now, verdicts))
            for study in page.studies
        )
    return StudyList(
        studies=listed,
        unreadable=page.unreadable,
        next_page_token=page.next_page_token,
    )


@router.get("/{study_id:id}", responses={200: {"headers": ETAG}})
def read_study(
    study_id: StudyId, response: Response, database: Db, settings: Settings
) -> StudyRead:
    """One study: its state, its specification, and how far it is."""
    return tagged(response, read_whole(database, settings, study_id))


@router.patch("/{study_id:id}", responses={200: {"headers": ETAG}})
def edit_study(
    study_id: StudyId,
    body: StudyEdit,
    response: Response,
    database: Db,
    settings: Settings,
    if_match: IfMatch = None,
) -> StudyRead:
    """Change a study's priority, project or labels, whatever its state.

    What is left out stays; a label that is null is taken away, others are added or replaced.
    `spec` stays as it was submitted.
    """
    with database.write() as session:
        require_version(session, study_id, versions(if_match))
        study_edits.edit_study(session, study_id, Edit(**dict(body)))
    return tagged(response, read_whole(database, settings, study_id))


def _add_move(action: str, move: Move, words: str) -> None:
    """Add the route that moves a study to another state.

    Args:
        action: after the colon of its path.
        words: that describe it.

    """

    @router.post(
        f"/{{study_id}}:{action}",
        name=f"{action}_study",
        description=words,
        responses={200: {"headers": ETAG}},
    )
    def moved(
        study_id: StudyId,
        response: Response,
        database: Db,
        settings: Settings,
        if_match: IfMatch = None,
    ) -> StudyRead:
        move_with(database, move, study_id, if_match)
        return tagged(response, read_whole(database, settings, study_id))


_add_move(
    "cancel", studies.cancel_study, "End the study for good. What it has learned stays readable."
)
_add_move(
    "pause", studies.pause_study, "Stop the study's work; its trials keep their last checkpoints."
)
_add_move("resume", studies.resume_study, "Let a paused study go on where it was.")
_add_move(
    "retry",
    retrying.retry_study,
    "Let a failed study go on in the phase in which it failed; its failed trials begin again.",
)


def read_whole(database: Database, settings: AppSettings, study_id: str) -> StudyRead:
    """A study with its progress, from one state of the database."""
    with database.read() as session:
        return shown_whole(session, settings, studies.get_study(session, study_id))


def shown_whole(session: Session, settings: AppSettings, study: StudyRecord) -> StudyRead:
    """A study with its progress."""
    now = dt.datetime.now(dt.UTC)
    progress = read_progress(session, study, now)
    problem = study_problem(session, study, now, settings.coordinator_silence_seconds)
    return study_read(study, progress, problem, place_of(session, study, now, settings))


def move_with(database: Database, move: Move, study_id: str, if_match: str | None) -> None:
    with database.write() as session:
        require_version(session, study_id, versions(if_match))
        move(session, study_id)


def tagged(response: Response, answer: Answer) -> Answer:
    """Give the ETag its beginning, which a later change can be conditional on."""
    response.headers["ETag"] = f'"{answer.version}"'
    return answer
