"""The page of all studies, narrowed and sorted as its address says."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dependencies import Db, Settings, Verdicts
from app.routes.running.studies import Kind, list_studies
from app.routes.service.overview import show_overview
from app.schemas.studies import StudySummary
from tuner.spec.states import StudyState
from tuner.storage.events import last_event_id
from tuner.storage.study_list import StudyFilter

router = APIRouter()

PAGE_SIZE: Final = 50
_VERDICTS: Final = ("recommend", "caution", "abstain", "in_progress", None)


def _loss(study: StudySummary) -> float:
    return math.inf if study.standing.best_loss is None else study.standing.best_loss


class _Order(NamedTuple):
    words: str
    key: Callable[[StudySummary], tuple[float, str]] | None
    """None keeps the order of the list: newest first."""


ORDERS: Final[Mapping[str, _Order]] = {
    "newest": _Order("newest first", None),
    "name": _Order("name", lambda study: (0, (study.name or study.id).lower())),
    "state": _Order("state", lambda study: (list(StudyState).index(study.state), "")),
    "progress": _Order("progress", lambda study: (study.standing.fraction, "")),
    "loss": _Order("best loss", lambda study: (_loss(study), "")),
    "verdict": _Order("verdict", lambda study: (_VERDICTS.index(study.standing.verdict), "")),
}
"""Sort orders of the page of studies."""

KINDS: Final[Mapping[Kind, str]] = {"search": "studies", "check": "coordinate checks alone"}
"""Kinds that the list can be limited to; by default it shows both."""

Word = Annotated[str, Query(max_length=200)]


@router.get("/")
def show_studies(  # noqa: PLR0913  # one query parameter each
    request: Request,
    database: Db,
    verdicts: Verdicts,
    settings: Settings,
    state: Word = "",
    name: Word = "",
    kind: Word = "",
    family: Word = "",
    project: Word = "",
    sort: Word = "newest",
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """All studies, newest first, or as the address says."""
    with database.read() as session:
        last_event = last_event_id(session)
    listed = list_studies(
        database,
        verdicts,
        StudyFilter(project=project or None, family=family or None, name=name or None),
        state=[StudyState(state)] if state in list(StudyState) else None,
        kind=_kind(kind),
        page_size=PAGE_SIZE,
        page_token=page_token,
    )
    asked = {
        "state": state,
        "name": name,
        "kind": kind,
        "family": family,
        "project": project,
        "sort": sort,
    }
    given = {name: value for name, value in asked.items() if value not in ("", "newest")}
    order = ORDERS.get(sort, ORDERS["newest"])
    studies = sorted(listed.studies, key=order.key) if order.key else listed.studies
    older = urlencode(given | {"page_token": listed.next_page_token or ""})
    return page(
        "studies.html",
        studies=studies,
        unreadable=listed.unreadable,
        older=f"/?{older}" if listed.next_page_token else None,
        asked=asked,
        is_narrowed=bool(given.keys() - {"sort"}),
        order=order,
        orders=ORDERS,
        states=list(StudyState),
        kinds=KINDS,
        overview=show_overview(database, settings),
        last_event=last_event,
        origin=str(request.base_url).rstrip("/"),
    )


def _kind(asked: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == asked), None)
