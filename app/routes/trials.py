"""Trials of a study and their learning curves, page by page."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from app.dependencies import Db, StudyId
from app.schemas.trials import CurveList, TrialList, trial_read
from parametrization.rules.parametrization import Parametrization
from tuner.engine.series import Metric
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, TrialState
from tuner.storage.studies import get_study
from tuner.storage.trials import curves, trial_list
from tuner.storage.trials.trial_list import TrialFilter

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["trials"])

Number = Annotated[int, Field(ge=0, lt=2**31)]
PageToken = Annotated[
    str | None, Query(max_length=500, description="`next_page_token` of the page before")
]


@router.get("/trials")
def list_trials(  # noqa: PLR0913  # one query parameter each
    study_id: StudyId,
    database: Db,
    state: Annotated[list[TrialState] | None, Query()] = None,
    purpose: Annotated[list[Purpose] | None, Query()] = None,
    optimizer: Annotated[list[Optimizer] | None, Query()] = None,
    parametrization: Annotated[list[Parametrization] | None, Query()] = None,
    width: Annotated[list[Number] | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=1_000)] = 100,
    page_token: PageToken = None,
) -> TrialList:
    """Trials by number: hyperparameters, state and losses. A filter may be given repeatedly.

    Go on with `next_page_token` and the same filters.
    """
    wanted = TrialFilter(
        state=state or (),
        purpose=purpose or (),
        optimizer=optimizer or (),
        parametrization=parametrization or (),
        width=width or (),
    )
    with database.read() as session:
        get_study(session, study_id)
        page = trial_list.list_trials(
            session, study_id, page_size=page_size, page_token=page_token, wanted=wanted
        )
    return TrialList(
        study_id=study_id,
        trials=tuple(trial_read(trial) for trial in page.trials),
        next_page_token=page.next_page_token,
    )


@router.get("/curves")
def list_curves(  # one query parameter each
    study_id: StudyId,
    database: Db,
    number: Annotated[
        list[Number] | None, Query(description="Trials by number; default: all", max_length=1_000)
    ] = None,
    metric: Annotated[list[Metric] | None, Query(description="Default: all")] = None,
    page_size: Annotated[int, Query(ge=1, le=100, description="Trials, not curves")] = 100,
    page_token: PageToken = None,
) -> CurveList:
    """Metrics of trials, step by step, as far as they are stored.

    Go on with `next_page_token` and the same filters.
    """
    with database.read() as session:
        get_study(session, study_id)
        page = curves.list_curves(
            session,
            study_id,
            page_size=page_size,
            page_token=page_token,
            numbers=number,
            metrics=metric,
        )
    return CurveList(study_id=study_id, curves=page.curves, next_page_token=page.next_page_token)
