"""Say how much each searched hyperparameter matters."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.dependencies import Db, StudyId
from parametrization.recommendation.record import Record
from tuner.records.check_errors import NothingSearched
from tuner.records.trials import StudyTrials
from tuner.spec.states import Purpose
from tuner.storage.studies import get_study
from tuner.storage.trials.rows import trials_of

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["evidence"])


class ImportancesRead(Record):
    optimizer: str
    trials: int
    """Completed trials of the search that the importances rest on."""
    importances: dict[str, Annotated[float, Field(ge=0, le=1)]] | None
    """Shares that add up to 1, the largest first; null where they cannot be told."""
    reason: str | None
    """The reason why they cannot be told, in words; null if they can."""


class ImportancesList(Record):
    study_id: str
    optimizers: tuple[ImportancesRead, ...]


@router.get("/importances")
def read_importances(study_id: StudyId, database: Db) -> ImportancesList:
    """Share of the differences between search trials that each hyperparameter explains (fANOVA)."""
    from tuner.exchange.importances import importances  # here: it loads Optuna and scikit-learn

    with database.read() as session:
        study = get_study(session, study_id)
        if study.spec.only_checks:
            raise NothingSearched(study_id, "importances")
        trials = StudyTrials(trials_of(session, study_id))
    found = [
        importances(
            config,
            trials.of(Purpose.SEARCH, config.name),
            study.spec.searched_training(config.name),
        )
        for config in study.spec.optimizers
    ]
    return ImportancesList(
        study_id=study_id,
        optimizers=tuple(ImportancesRead(**one.model_dump()) for one in found),
    )
