"""Store points of a search that its owner gives, and list them with the trials that train them."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.records.check_errors import NothingSearched
from tuner.records.errors import SearchOver
from tuner.records.given_points import GIVEN_POINT, GivenPoint, NewPoint
from tuner.spec.states import Purpose, StudyState
from tuner.storage.events import EventKind, write_event
from tuner.storage.requests import page_tokens
from tuner.storage.sql.tables import GivenPointRow, TrialRow
from tuner.storage.studies import study_row
from tuner.storage.study_records import only_checks
from tuner.storage.trials.given_points import given_points_of, point_of

_BEFORE_THE_END = frozenset({StudyState.QUEUED, StudyState.CHECKING, StudyState.SEARCHING})


class Given(NamedTuple):
    """Number of points that were stored, and of points that the study had already."""

    new: int
    known: int


def give_points(session: Session, study_id: str, points: Sequence[NewPoint]) -> Given:
    """Store points for the study's search; one that it has already is not stored again.

    Raises:
        StudyNotFound: if there is none of that id.
        SearchOver: if its search has ended.
        NothingSearched: if there is none.

    """
    row = study_row(session, study_id)
    if only_checks(row.spec):
        raise NothingSearched(study_id, "search to give trials to")
    state = StudyState(row.resume_state or row.state)
    if state not in _BEFORE_THE_END:
        raise SearchOver(study_id, row.state)
    known = {_key(point) for point in given_points_of(session, study_id)}
    now = dt.datetime.now(dt.UTC)
    new = list({_key(point): point for point in points if _key(point) not in known}.values())
    session.add_all(
        GivenPointRow(study_id=study_id, sha256=_key(point), created_at=now, **point.model_dump())
        for point in new
    )
    if new:
        # So that the coordinator reads it anew. Until it searches it reads the study whole anyway,
        # and the ids of check orders must stay.
        row.version += row.state == StudyState.SEARCHING
        row.updated_at = now
        enqueued = sum(point.value is None for point in new)
        told = {"enqueued": enqueued, "prior": len(new) - enqueued}
        write_event(session, study_id, EventKind.TRIALS_GIVEN, told)
    return Given(len(new), len(points) - len(new))


class ListedPoint(NamedTuple):
    """A point, and the number of the trial that trains it."""

    point: GivenPoint
    trial: int | None


class PointPage(NamedTuple):
    """A page of points, in the order in which they were given, and the token of the next page."""

    points: tuple[ListedPoint, ...]
    next_page_token: str | None


def list_points(
    session: Session, study_id: str, *, page_size: int, page_token: str | None = None
) -> PointPage:
    """Read a page of the points that a study was given.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select(GivenPointRow).where(GivenPointRow.study_id == study_id)
    if page_token is not None:
        query = query.where(GivenPointRow.id > page_tokens.read_number(page_token))
    rows = list(session.scalars(query.order_by(GivenPointRow.id).limit(page_size + 1)))
    page = [point_of(row) for row in rows[:page_size]]
    trained = _trained(session, study_id)
    return PointPage(
        points=tuple(ListedPoint(point, trained.get(point.id)) for point in page),
        next_page_token=page_tokens.write_number(page[-1].id) if len(rows) > page_size else None,
    )


def _trained(session: Session, study_id: str) -> dict[int, int]:
    """Number of the trial that trains each point, by the point's id."""
    rows = session.execute(
        select(TrialRow.system_attrs, TrialRow.number).where(
            TrialRow.study_id == study_id, TrialRow.purpose == Purpose.SEARCH
        )
    )
    return {noted[GIVEN_POINT]: number for noted, number in rows if GIVEN_POINT in noted}


def _key(point: NewPoint) -> str:
    told = [point.optimizer, sorted(point.params.items()), point.value]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
