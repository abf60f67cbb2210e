"""Read stored recommendations: one by its id, or pages of those that fit a search."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from pydantic import ValidationError
from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.orm import Session

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.reading import read_recommendation
from tuner.records.errors import RecommendationNotFound, RecommendationUnreadable
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.states import RecommendationState
from tuner.storage.documents import what_is_wrong
from tuner.storage.requests import page_tokens
from tuner.storage.sql.tables import RecommendationRow

_TABLE: Final = cast("Table", RecommendationRow.__table__)
_WITHOUT_DOCUMENT: Final = select(
    *(getattr(RecommendationRow, at.key) for at in _TABLE.columns if at.key != "document")
)
_DECISION: Final = {"by": "decided_by", "note": "note", "at": "decided_at"}
"""Columns of a decision, by its field."""


class RecommendationFilter(NamedTuple):
    """The recommendations to list: those that match every field; None matches any."""

    family: str | None = None
    optimizer: str | None = None
    width: int | None = None
    """Width of the target."""
    study_id: str | None = None
    state: RecommendationState | None = None


class RecommendationPage(NamedTuple):
    """A page of recommendations, newest first, and the token of the next page."""

    recommendations: tuple[StoredRecommendation, ...]
    next_page_token: str | None


def list_recommendations(
    session: Session,
    wanted: RecommendationFilter,
    *,
    page_size: int,
    page_token: str | None = None,
) -> RecommendationPage:
    """Read a page of stored recommendations of any study, newest first.

    Raises:
        BadPageToken: if the token is not one that this function gave.
        RecommendationUnreadable: if one of the page cannot be read.

    """
    columns = _TABLE.columns
    query = _WITHOUT_DOCUMENT
    for field, value in wanted._asdict().items():
        if value is not None:
            query = query.where(columns[field] == value)
    if page_token is not None:
        place = tuple_(columns["created_at"], columns["id"])
        query = query.where(place < tuple_(*page_tokens.read(page_token)))
    newest_first = query.order_by(columns["created_at"].desc(), columns["id"].desc())
    found = [_record(row) for row in session.execute(newest_first.limit(page_size + 1)).mappings()]
    page = found[:page_size]
    return RecommendationPage(
        recommendations=tuple(page),
        next_page_token=page_tokens.write(page[-1].created_at, page[-1].id)
        if len(found) > page_size
        else None,
    )


def get_recommendation(session: Session, recommendation_id: str) -> StoredRecommendation:
    """Read what is known of one stored recommendation.

    Raises:
        RecommendationNotFound: if there is none of that id.
        RecommendationUnreadable: if it cannot be read.

    """
    session.flush()
    query = _WITHOUT_DOCUMENT.where(_TABLE.columns["id"] == recommendation_id)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise RecommendationNotFound(recommendation_id)
    return _record(row)


def get_document(session: Session, recommendation_id: str) -> dict[str, Any]:
    """Read the answer itself as it was stored, in the format of the release that stored it.

    Raises:
        RecommendationNotFound: if there is none of that id.
        RecommendationUnreadable: if its hash is another one: it is not what was stored.

    """
    row = session.get(RecommendationRow, recommendation_id)
    if row is None:
        raise RecommendationNotFound(recommendation_id)
    if hashlib.sha256(row.document.encode()).hexdigest() != row.sha256:
        raise RecommendationUnreadable(
            row.id, f"its content does not have the SHA-256 {row.sha256}: restore it from a backup"
        )
    document: dict[str, Any] = json.loads(row.document)
    return document


def get_answer(session: Session, recommendation_id: str) -> RecommendationDocument:
    """Read the answer as a record of this release.

    Raises:
        RecommendationNotFound: if there is none of that id.
        RecommendationUnreadable: if it is not what was stored, or of a format that is not known.

    """
    try:
        return read_recommendation(get_document(session, recommendation_id))
    except ValueError as error:
        raise RecommendationUnreadable(recommendation_id, str(error)) from error


def _record(row: Mapping[Any, Any]) -> StoredRecommendation:
    names = StoredRecommendation.model_fields.keys() - {"decision"}
    stored = {name: row[name] for name in names}
    decided = {field: row[column] for field, column in _DECISION.items()}
    stored["decision"] = None if row["decided_at"] is None else decided
    try:
        return StoredRecommendation.model_validate(stored)
    except ValidationError as error:
        raise RecommendationUnreadable(row["id"], what_is_wrong(error, stored)) from error


def recommendations_pending(session: Session) -> int:
    """Number of stored recommendations that are neither approved nor rejected."""
    query = select(func.count()).select_from(RecommendationRow)
    return session.scalar(query.where(RecommendationRow.state == RecommendationState.PENDING)) or 0
