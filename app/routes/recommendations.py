"""Recommendations that are stored: for scripts to pin, and for reviewers to decide about."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError

from app.dependencies import Db, IdempotencyKey, RecommendationId, StudyId
from app.exported import BUNDLE, CONTENT, Accepted, ExportedFiles, Form, exported, form_asked
from app.http.headers.accepted import names
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.schemas.recommendations import (
    DecisionBody,
    RecommendationList,
    RecommendationSummary,
    StoredRecommendationRead,
    recommendation_summary,
)
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.requested_target import AskedTarget, IllegalTarget
from tuner.spec.states import RecommendationState
from tuner.spec.target import Width
from tuner.storage.evidence import read_summary
from tuner.storage.recommendations import stored, storing
from tuner.storage.recommendations.stored import RecommendationFilter
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

router = APIRouter(
    prefix="/v1", tags=["recommendation"], route_class=JsonRoute, dependencies=[InTurn]
)

_LOCATION: Final = {
    "Location": {
        "description": "Path of the stored recommendation",
        "schema": {"type": "string"},
        "required": True,
    }
}
_AS_ASKED: Final = AskedTarget()


@router.post(
    "/studies/{study_id}/recommendations", status_code=201, responses={201: {"headers": _LOCATION}}
)
def store_recommendation(
    study_id: StudyId,
    response: Response,
    database: Db,
    body: AskedTarget = _AS_ASKED,
    idempotency_key: IdempotencyKey = None,
) -> RecommendationSummary:
    """Store the recommendation for a target as it is now, for good.

    It never changes, whatever the study goes on to measure and whichever release serves it:
    scripts pin it by id and hash, reviewers approve or reject it. What is left out of the target
    is the study's own.
    """
    answer = _answer(database, study_id, body)
    with database.write() as session:
        kept, _ = storing.store_recommendation(
            session, answer, body, idempotency_key=idempotency_key
        )
    answered = recommendation_summary(kept)
    response.headers["Location"] = answered.links.self
    return answered


@router.get("/recommendations")
def list_recommendations(  # noqa: PLR0913  # one query parameter each
    database: Db,
    family: Annotated[str | None, Query(max_length=80, description="Of the study's model")] = None,
    optimizer: Annotated[str | None, Query(max_length=64)] = None,
    width: Annotated[Width | None, Query(description="Of the target")] = None,
    study: Annotated[str | None, Query(max_length=64, description="The study's id")] = None,
    state: Annotated[RecommendationState | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> RecommendationList:
    """Stored recommendations of all studies, newest first.

    Go on with `next_page_token` and the same filters.
    """
    wanted = RecommendationFilter(family, optimizer, width, study, state)
    with database.read() as session:
        page = stored.list_recommendations(
            session, wanted, page_size=page_size, page_token=page_token
        )
    return RecommendationList(
        recommendations=tuple(map(recommendation_summary, page.recommendations)),
        next_page_token=page.next_page_token,
    )


@router.get(
    "/recommendations/{recommendation_id:id}",
    response_model=StoredRecommendationRead | Recommendation | ExportedFiles,
    responses={200: CONTENT},
)
def read_stored_recommendation(
    recommendation_id: RecommendationId,
    database: Db,
    form: Form = None,
    accept: Accepted = None,
) -> Response:
    """A stored recommendation: the answer, its hash, and what was decided about it.

    With a `format`, or an `Accept` of another form than JSON, the answer alone, as the study's own
    recommendation has it in that form.
    """
    with database.read() as session:
        kept = stored.get_recommendation(session, recommendation_id)
        document = stored.get_document(session, recommendation_id)
        asked = form_asked(form, accept)
        if form is None and asked == "json":
            known = recommendation_summary(kept).model_dump(mode="json")
            return _json(known | {"recommendation": document})
        if asked == "json" and not names(accept, BUNDLE):
            return _json(document)
        return exported(stored.get_answer(session, recommendation_id), asked, accept)


@router.post("/recommendations/{recommendation_id}:approve")
def approve_recommendation(
    recommendation_id: RecommendationId, body: DecisionBody, database: Db
) -> RecommendationSummary:
    """Approve a stored recommendation, once and for good."""
    return _decided(database, storing.approve, recommendation_id, body)


@router.post("/recommendations/{recommendation_id}:reject")
def reject_recommendation(
    recommendation_id: RecommendationId, body: DecisionBody, database: Db
) -> RecommendationSummary:
    """Reject a stored recommendation, once and for good."""
    return _decided(database, storing.reject, recommendation_id, body)


def _answer(database: Database, study_id: str, asked: AskedTarget) -> Recommendation:
    with database.read() as session:
        study = get_study(session, study_id)
        known = read_summary(session, study)
    try:
        return recommend(study, known, **asked.model_dump())
    except IllegalTarget as error:
        document = asked.model_dump()
        problem = {
            "type": "value_error",
            "loc": ("body", error.field),
            "msg": str(error),
            "input": document[error.field],
        }
        raise RequestValidationError([problem], body=document) from error


def _decided(
    database: Database,
    decide: Callable[..., StoredRecommendation],
    recommendation_id: str,
    body: DecisionBody,
) -> RecommendationSummary:
    with database.write() as session:
        return recommendation_summary(
            decide(session, recommendation_id, by=body.by, note=body.note)
        )


def _json(document: dict[str, Any]) -> Response:
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type="application/json")
