"""The page of stored answers: those that wait for a decision, and those that were decided."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dashboard.words import DECISIONS
from app.dependencies import Db
from tuner.spec.states import RecommendationState
from tuner.storage.recommendations.stored import RecommendationFilter, list_recommendations
from tuner.storage.usage.slot_time import study_names

router = APIRouter()

PAGE_SIZE: Final = 50
ANY: Final = "any"


@router.get("/recommendations")
def show_answers(
    database: Db,
    state: Annotated[str, Query(max_length=20)] = RecommendationState.PENDING,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """Stored answers, newest first: those that nobody has decided about, or as the address says."""
    known = RecommendationState(state) if state in list(RecommendationState) else None
    with database.read() as session:
        listed = list_recommendations(
            session, RecommendationFilter(state=known), page_size=PAGE_SIZE, page_token=page_token
        )
        answers = listed.recommendations
        names = study_names(session, [one.study_id for one in answers])
    older = urlencode({"state": known or ANY, "page_token": listed.next_page_token or ""})
    return page(
        "recommendations.html",
        answers=answers,
        names=names,
        state=known,
        states={ANY: "any"} | {one.value: words for one, words in DECISIONS.items()},
        older=f"/recommendations?{older}" if listed.next_page_token else None,
    )
