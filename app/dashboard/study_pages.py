"""A study's pages: one tab each for what it measured, what it recommends, and how it got there."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from app.dashboard.actions import actions_on, may_change
from app.dashboard.check_figures import check_figures
from app.dashboard.review.summary import summary_of
from app.dashboard.sensitivity_table import transfer_parts
from app.dashboard.templating import page
from app.dependencies import Db, Sender, Settings, StudyId
from app.liveness import place_of, study_problem
from app.progress import Progress, read_progress
from app.schemas.evidence import coordinate_check_read, dynamics_read, sensitivity_read
from app.schemas.studies import study_read
from app.schemas.sweeps import SweepRead, sweep_read
from app.standings.standing import standing_of
from parametrization.sweeps.analysis import analyse
from tuner.evidence.checks.outcome import outcome_of
from tuner.evidence.study_evidence import EvidenceSummary
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.states import StudyState
from tuner.storage.events import last_event_id
from tuner.storage.evidence import read_evidence, read_summary
from tuner.storage.recommendations.stored import RecommendationFilter, list_recommendations
from tuner.storage.studies import get_study
from tuner.storage.sweeps.stored_sweeps import is_sweep, stored_sweep
from tuner.storage.trials.trial_list import list_trials

router = APIRouter()

TRIALS_SHOWN: Final = 100
CURVE_METRICS: Final = ("train_loss", "validation_loss", "gradient_norm", "parameter_norm")


class _Asked(NamedTuple):
    """The inputs that a tab is made from."""

    session: Session
    study: StudyRecord
    progress: Progress
    known: EvidenceSummary
    page_token: str | None


def _transfer(asked: _Asked) -> dict[str, Any]:
    learned = sensitivity_read(asked.study, read_evidence(asked.session, asked.study))
    return {"evidence": learned, "transfer_parts": transfer_parts(learned)}


def _check(asked: _Asked) -> dict[str, Any]:
    checks = coordinate_check_read(asked.study, asked.known).checks
    figures = {check.optimizer: check_figures(check.tensors) for check in checks}
    return {"checks": checks, "figures": figures}


def _trials(asked: _Asked) -> dict[str, Any]:
    listed = list_trials(
        asked.session, asked.study.id, page_size=TRIALS_SHOWN, page_token=asked.page_token
    )
    return {
        "trials": listed.trials,
        "trials_in_all": sum(asked.progress.trials.values()),
        "trials_page_token": asked.page_token,
        "next_trials_page_token": listed.next_page_token,
    }


def _curves(asked: _Asked) -> dict[str, Any]:
    return {"metrics": CURVE_METRICS}


def _configuration(asked: _Asked) -> dict[str, Any]:
    return {"exports": tuple(EXPORTS.values()), "stored": _stored(asked.session, asked.study, 20)}


def _landscape(asked: _Asked) -> dict[str, Any]:
    return {"dynamics": dynamics_read(asked.study)}


def _nothing_more(asked: _Asked) -> dict[str, Any]:
    return {}


class _Tab(NamedTuple):
    title: str
    template: str
    names: Callable[[_Asked], dict[str, Any]]


TABS: Final[Mapping[str, _Tab]] = {
    "transfer": _Tab("Transfer", "study_transfer.html", _transfer),
    "check": _Tab("Coordinate check", "study_check.html", _check),
    "trials": _Tab("Trials", "study_trials.html", _trials),
    "curves": _Tab("Learning curves", "study_curves.html", _curves),
    "importance": _Tab("Importance", "study_importance.html", _nothing_more),
    "schedule": _Tab("Schedule", "study_schedule.html", _nothing_more),
    "configuration": _Tab("Configuration", "study_configuration.html", _configuration),
    "asked": _Tab("Specification", "study_asked.html", _nothing_more),
}
OF_CHECKS: Final = {name: TABS[name] for name in ("check", "asked")}
"""The tabs of studies that stop after their coordinate check."""
OF_SWEEPS: Final = {name: TABS[name] for name in ("transfer", "trials", "asked")}
"""The tabs of tables of losses: there is no model that was checked, searched or could be set up."""
LANDSCAPE: Final = {"landscape": _Tab("Landscape", "study_landscape.html", _landscape)}
"""The tab of dynamics, shown for studies that asked for them; its address works for all."""
_BEFORE: Final = "schedule"
"""The tab that the landscape stands before."""


def _every_tab() -> dict[str, _Tab]:
    at = list(TABS).index(_BEFORE)
    listed = list(TABS.items())
    return dict([*listed[:at], *LANDSCAPE.items(), *listed[at:]])


@router.get("/studies/{study_id}")
@router.get("/studies/{study_id}/{tab}")
def show_study(  # noqa: PLR0913  # one query parameter each
    study_id: StudyId,
    database: Db,
    settings: Settings,
    sender: Sender,
    tab: str = "",
    page_token: Annotated[str | None, Query(max_length=500, description="Of trials")] = None,
    metric: Annotated[str, Query(max_length=40, description="Of curves")] = "",
    smooth: Annotated[str, Query(max_length=8, description="Of curves, between 0 and 1")] = "",
    scale: Annotated[str, Query(max_length=8, description="Of curves: log")] = "",
    optimizer: Annotated[str, Query(max_length=200, description="Of the search")] = "",
    parameter: Annotated[str, Query(max_length=200, description="Of the search")] = "",
    by: Annotated[str, Query(max_length=8, description="Of the schedule: step or tokens")] = "",
    form: Annotated[str, Query(alias="format", max_length=40, description="Of exports")] = "",
) -> HTMLResponse:
    """One study: where it is, and what one of its tabs shows; scripts read the other parameters."""
    every_tab = _every_tab()
    if tab and tab not in every_tab:
        pages = ", ".join(every_tab)
        raise HTTPException(404, f"A study has no page {tab!r}: its pages are {pages}.")
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        last_event = last_event_id(session)
        study = get_study(session, study_id)
        progress = read_progress(session, study, now)
        tab = tab or _first_tab(study, progress)
        known = read_summary(session, study)
        problem = study_problem(session, study, now, settings.coordinator_silence_seconds)
        place = place_of(session, study, now, settings)
        names = every_tab[tab].names(_Asked(session, study, progress, known, page_token))
        sweep = _sweep(session, study)
        newest = _stored(session, study, 1)
    recommendation = _recommendation(study, known)
    answer = sweep or recommendation
    verdict = None if answer is None else answer.verdict
    return page(
        "study.html",
        study=study_read(study, progress, problem, place),
        standing=standing_of(study, progress, verdict, outcome_of(study, known)),
        compared_by=study.spec.comparison,
        recommendation=recommendation,
        summary=() if recommendation is None else summary_of(recommendation, newest),
        sweep=sweep,
        last_event=last_event,
        actions=actions_on(study, sender),
        may_change=may_change(sender, study.owner),
        # Where there are no keys, everybody who reaches the service reads every study.
        may_share=sender.viewer is not None and may_change(sender, study.owner),
        tabs=_tabs(study, tab),
        tab=tab,
        panel=every_tab[tab].template,
        **names,
    )


def _first_tab(study: StudyRecord, progress: Progress) -> str:
    """The tab that tells most: a study that failed before its first trial did so in its check."""
    is_checked = study.spec.only_checks or (
        study.state is StudyState.FAILED and not any(progress.trials.values())
    )
    return "check" if is_checked else "transfer"


def _tabs(study: StudyRecord, tab: str) -> Mapping[str, _Tab]:
    """Tabs that are offered, including the one that is shown."""
    if study.spec.only_checks and tab in OF_CHECKS:
        return OF_CHECKS
    if is_sweep(study) and tab in OF_SWEEPS:
        return OF_SWEEPS
    return _every_tab() if study.spec.dynamics or tab in LANDSCAPE else TABS


def _recommendation(study: StudyRecord, known: EvidenceSummary) -> Recommendation | None:
    try:
        return recommend(study, known)
    except NotReady:
        return None


def _stored(session: Session, study: StudyRecord, most: int) -> tuple[StoredRecommendation, ...]:
    """Answers of the study that were stored, newest first."""
    wanted = RecommendationFilter(study_id=study.id)
    return list_recommendations(session, wanted, page_size=most).recommendations


def _sweep(session: Session, study: StudyRecord) -> SweepRead | None:
    """The answer of a study that was stored from a table of losses; None for other studies."""
    if not is_sweep(study):
        return None
    _, group = stored_sweep(session, study.id)
    return sweep_read(study.id, analyse(group, study.spec.target.width))
