"""Trials of a study and their learning curves."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from app.dependencies import Db, StudyId
from app.schemas.trials import CurveList, TrialList, trial_read
from parametrization.rules.parametrization import Parametrization
from tuner.engine.series import Metric
from tuner.records.trials import TrialRecord
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.states import Purpose, TrialState
from tuner.storage.curves import curves_of
from tuner.storage.studies import get_study
from tuner.storage.trials import trials_of

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["trials"])

Number = Annotated[int, Field(ge=0, lt=2**31)]


@router.get("/trials")
def list_trials(
    study_id: StudyId,
    database: Db,
    state: Annotated[list[TrialState] | None, Query()] = None,
    purpose: Annotated[list[Purpose] | None, Query()] = None,
    optimizer: Annotated[list[Optimizer] | None, Query()] = None,
    parametrization: Annotated[list[Parametrization] | None, Query()] = None,
    width: Annotated[list[int] | None, Query()] = None,
) -> TrialList:
    """Trials by number: hyperparameters, state and losses. A filter may be given repeatedly."""
    wanted = {
        "state": state,
        "purpose": purpose,
        "optimizer": optimizer,
        "parametrization": parametrization,
        "width": width,
    }

    def passes(trial: TrialRecord) -> bool:
        return all(not of or getattr(trial, field) in of for field, of in wanted.items())

    with database.read() as session:
        get_study(session, study_id)
        trials = trials_of(session, study_id)
    return TrialList(
        study_id=study_id, trials=tuple(trial_read(trial) for trial in trials if passes(trial))
    )


@router.get("/curves")
def list_curves(
    study_id: StudyId,
    database: Db,
    number: Annotated[
        list[Number] | None, Query(description="Trials by number; default: all", max_length=1_000)
    ] = None,
    metric: Annotated[list[Metric] | None, Query(description="Default: all")] = None,
) -> CurveList:
    """Metrics of trials, step by step, as far as they are stored."""
    with database.read() as session:
        get_study(session, study_id)
        curves = curves_of(session, study_id, numbers=number, metrics=metric)
    return CurveList(study_id=study_id, curves=curves)
