"""Coordinate checks that stand alone: studies that stop after their check, as a resource."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.orm import Session

from app.dependencies import Db, IdempotencyKey, Settings, Verdicts
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.routes.planning.planned import asked_sha256, planned, spec_of_check
from app.routes.running.filters import PageSize, PageToken, States, Wanted
from app.routes.running.studies import (
    ETAG,
    LOCATION,
    IfMatch,
    Move,
    move_with,
    shown_whole,
    tagged,
)
from app.schemas.coordinate_checks import (
    CheckAsked,
    CheckList,
    StandaloneCheckRead,
    check_summary,
    standalone_check_read,
)
from app.settings import AppSettings
from app.standings.standing import read_standing
from tuner.records.check_errors import CheckNotFound
from tuner.records.errors import StudyNotFound
from tuner.records.snapshot import StudyRecord
from tuner.storage import studies, study_list
from tuner.storage.changes import retrying
from tuner.storage.evidence import read_summary
from tuner.storage.sql.database import Database

router = APIRouter(
    prefix="/v1/coordinate-checks",
    tags=["coordinate checks"],
    route_class=JsonRoute,
    dependencies=[InTurn],
)

CheckId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="A check's id, `std_...`")
]


@router.post("", status_code=202, responses={202: {"headers": LOCATION | ETAG}})
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
    return tagged(response, answer)


@router.get("")
def list_coordinate_checks(
    database: Db,
    verdicts: Verdicts,
    wanted: Wanted,
    state: States = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> CheckList:
    """Checks that stand alone, newest first, that fit every filter.

    Go on with `next_page_token` and the same filters.
    """
    wanted = wanted._replace(only_checks=True)
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
    return tagged(response, _read(database, settings, check_id))


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
        return tagged(response, _read(database, settings, check_id))


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
