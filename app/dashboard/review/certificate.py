"""The transfer certificate: a stored answer on one page, to print, and to approve or reject."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.dashboard.actions import may_change
from app.dashboard.templating import page
from app.dashboard.words import transfer_line
from app.dependencies import Db, RecommendationId, Sender
from app.routes.comparing.stored import changes_since
from app.schemas.recommendations import recommendation_summary
from tuner.storage.recommendations import stored
from tuner.storage.studies import get_study

router = APIRouter()


@router.get("/recommendations/{recommendation_id}")
def show_certificate(
    recommendation_id: RecommendationId, database: Db, sender: Sender
) -> HTMLResponse:
    """The certificate of a stored recommendation: the answer, its evidence and the decision."""
    with database.read() as session:
        kept = stored.get_recommendation(session, recommendation_id)
        answer = stored.get_answer(session, recommendation_id)
        study = get_study(session, kept.study_id)
        since = changes_since(session, recommendation_id)
    return page(
        "certificate.html",
        kept=recommendation_summary(kept),
        recommendation=answer,
        study_name=study.spec.name,
        optimum=transfer_line(answer.evidence),
        since=since,
        may_decide=may_change(sender, study.owner),
    )
