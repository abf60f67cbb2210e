"""Coordinate checks that stand alone: studies that stop after their check, as a resource."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from app.dependencies import Db, IdempotencyKey, Settings, Verdicts
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.routes.planning.planned import asked_sha256, planned, spec_of_check
from app.routes.studies import (
    ETAG,
    AskedLabel,
    IfMatch,
    Move,
    label_asked,
    move_with,
    shown_whole,
)
from app.schemas.coordinate_checks import (
    CheckAsked,
    CheckList,
    StandaloneCheckRead,
    check_summary,
    standalone_check_read,
)
from app.schemas.texts import Moment
from app.settings import AppSettings
from app.standings.standing import read_standing
from tuner.records.check_errors import CheckNotFound
from tuner.records.errors import StudyNotFound
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.spec.study_fields import MOST_LABELS, LabelText, ProjectName
from tuner.storage import studies, study_list
from tuner.storage.changes import retrying
from tuner.storage.evidence import read_summary
from tuner.storage.sql.database import Database
from tuner.storage.study_list import StudyFilter

router = APIRouter(
    prefix="/v1/coordinate-checks",
    tags=["coordinate checks"],
    route_class=JsonRoute,
    dependencies=[InTurn],
)

_LOCATION: Final = {
    "Location": {"description": "Path of the check", "schema": {"type": "string"}, "required": True}
}
CheckId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="A check's id, `std_...`")
]


@router.post("", status_code=202, responses={202: {"headers": _LOCATION | ETAG}})
def create_coordinate_check(
    body: CheckAsked,
    response: Response,
    database: Db,
    settings: Settings,
    idempotency_key: IdempotencyKey = None,
) -> StandaloneCheckRead:
    """Queue a coordinate check: do a few updates move activations alike at every width?

    Nothing is searched. Family alone is required, every other field has a default that the answer
    shows; poll it, or follow its events, until it is completed.
    """
    asked = spec_of_check(body)
    spec = planned(asked, database, settings)
    with database.write() as session:
        study, _ = studies.open_study(
            session, spec, idempotency_key=idempotency_key, asked_sha256=asked_sha256(asked)
        )
    answer = _read(database, settings, study.id)
    response.headers["Location"] = answer.links.self
    return _tagged(response, answer)


@router.get("")
def list_coordinate_checks(  # noqa: PLR0913  # one query parameter each
    database: Db,
    verdicts: Verdicts,
    state: Annotated[
        list[StudyState] | None, Query(description="Only those in one of these states")
    ] = None,
    project: Annotated[ProjectName | None, Query(description="Empty: those of none")] = None,
    label: Annotated[
        list[AskedLabel] | None,
        Query(max_length=MOST_LABELS, description="`name=value`, or `name` with any value"),
    ] = None,
    family: Annotated[LabelText | None, Query()] = None,
    optimizer: Annotated[LabelText | None, Query(description="One that is checked")] = None,
    name: Annotated[LabelText | None, Query(description="A part of the check's name")] = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> CheckList:
    """Checks that stand alone, newest first, that fit every filter.

    Go on with `next_page_token` and the same filters.
    """
    wanted = StudyFilter(
        project=project,
        label=tuple(map(label_asked, label or ())),
        family=family,
        optimizer=optimizer,
        name=name,
        created_after=created_after,
        created_before=created_before,
        only_checks=True,
    )
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        page = study_list.list_studies(
            session, state=state, wanted=wanted, page_size=page_size, page_token=page_token
        )
        standings = [read_standing(session, study, now, verdicts) for study in page.studies]
    return CheckList(
        checks=tuple(
            check_summary(study, standing.fraction, standing.check)
            for study, standing in zip(page.studies, standings, strict=True)
        ),
        unreadable=page.unreadable,
        next_page_token=page.next_page_token,
    )


@router.get("/{check_id:id}", responses={200: {"headers": ETAG}})
def read_standalone_check(
    check_id: CheckId, response: Response, database: Db, settings: Settings
) -> StandaloneCheckRead:
    """One check: its verdict in words, likely causes, and the slopes of every tensor.

    404 for the check of a study that searches, which is at `/v1/studies/{id}/coordinate-check`.
    """
    return _tagged(response, _read(database, settings, check_id))


def _add_move(action: str, move: Move, words: str) -> None:
    """Add the route that moves a check to another state, as a study's does.

    Args:
        action: after the colon of its path.
        words: that describe it.

    """

    @router.post(
        f"/{{check_id}}:{action}",
        name=f"{action}_coordinate_check",
        description=words,
        responses={200: {"headers": ETAG}},
    )
    def moved(
        check_id: CheckId,
        response: Response,
        database: Db,
        settings: Settings,
        if_match: IfMatch = None,
    ) -> StandaloneCheckRead:
        with database.read() as session:
            _check(session, check_id)
        move_with(database, move, check_id, if_match)
        return _tagged(response, _read(database, settings, check_id))


_add_move("cancel", studies.cancel_study, "End the check for good, without a verdict.")
_add_move("pause", studies.pause_study, "Stop the check's work; widths that are done stay.")
_add_move("resume", studies.resume_study, "Let a paused check go on where it was.")
_add_move("retry", retrying.retry_study, "Let a failed check begin anew.")


def _check(session: Session, check_id: str) -> StudyRecord:
    """The check's study.

    Raises:
        CheckNotFound: if there is none of that id, or it searches.

    """
    try:
        study = studies.get_study(session, check_id)
    except StudyNotFound as error:
        raise CheckNotFound(check_id) from error
    if not study.spec.only_checks:
        raise CheckNotFound(check_id)
    return study


def _read(database: Database, settings: AppSettings, check_id: str) -> StandaloneCheckRead:
    with database.read() as session:
        study = _check(session, check_id)
        shown, known = shown_whole(session, settings, study), read_summary(session, study)
    return standalone_check_read(study, shown, known)


def _tagged(response: Response, answer: StandaloneCheckRead) -> StandaloneCheckRead:
    response.headers["ETag"] = f'"{answer.version}"'
    return answer
