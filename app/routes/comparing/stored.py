"""Compare a stored recommendation with the study's answer for the same target today."""

import datetime as dt

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.dependencies import Db, RecommendationId
from parametrization.recommendation.record import Record
from tuner.recommendation.comparing.changes import AnswerChanges, changes_between
from tuner.recommendation.recommend import recommend
from tuner.records.errors import NotReady
from tuner.spec.requested_target import IllegalTarget
from tuner.storage.evidence import read_summary
from tuner.storage.recommendations import stored
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1", tags=["recommendation"])


class ChangesSince(Record):
    recommendation_id: str
    study_id: str
    stored_at: dt.datetime
    changes: AnswerChanges | None
    """Null where the study has no answer for that target any more."""
    problem: str | None
    """The reason why it has none, in words; null if it has one."""


@router.get("/recommendations/{recommendation_id}/changes")
def read_changes(recommendation_id: RecommendationId, database: Db) -> ChangesSince:
    """Differences of today's answer of the same study for the same target, in words.

    They list the values, verdict, reasons, rules and evidence that are not as in the stored
    recommendation, which stays as it is. Nothing is stored.
    """
    with database.read() as session:
        return changes_since(session, recommendation_id)


def changes_since(session: Session, recommendation_id: str) -> ChangesSince:
    """Differences of today's answer from a stored recommendation."""
    kept = stored.get_recommendation(session, recommendation_id)
    before = stored.get_answer(session, recommendation_id)
    study = get_study(session, kept.study_id)
    found: AnswerChanges | None = None
    problem = None
    try:
        now = recommend(study, read_summary(session, study), **dict(kept.asked))
        found = changes_between(before, now)
    except (NotReady, IllegalTarget) as error:
        problem = str(error)
    return ChangesSince(
        recommendation_id=kept.id,
        study_id=kept.study_id,
        stored_at=kept.created_at,
        changes=found,
        problem=problem,
    )
