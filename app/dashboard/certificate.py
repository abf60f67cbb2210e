"""The transfer certificate: a stored answer on one page, to print, and to approve or reject."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dependencies import Db, RecommendationId
from app.schemas.recommendations import recommendation_summary
from tuner.storage.recommendations import stored

router = APIRouter()


@router.get("/recommendations/{recommendation_id}")
def show_certificate(recommendation_id: RecommendationId, database: Db) -> HTMLResponse:
    """What was recommended, what it rests on, and what was decided about it."""
    with database.read() as session:
        kept = stored.get_recommendation(session, recommendation_id)
        answer = stored.get_answer(session, recommendation_id)
    return page("certificate.html", kept=recommendation_summary(kept), recommendation=answer)
