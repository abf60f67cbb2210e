"""A study's trials as a file that Optuna opens."""

from typing import Any, Final

from fastapi import APIRouter, Response

from app.dependencies import Db, StudyId
from tuner.records.check_errors import NothingSearched
from tuner.records.trials import StudyTrials
from tuner.storage.studies import get_study
from tuner.storage.trials.rows import trials_of

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["exchange"])

MEDIA_TYPE: Final = "application/x-ndjson"
_FILE: Final[dict[str, Any]] = {
    "description": "An Optuna journal: write it to a file, and open that as `JournalFileBackend`",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    "headers": {
        "Content-Disposition": {
            "description": "A name for the file",
            "schema": {"type": "string"},
            "required": True,
        }
    },
}


@router.get("/export/optuna", response_class=Response, responses={200: _FILE})
def export_optuna(study_id: StudyId, database: Db) -> Response:
    """The study's trials as an Optuna storage, for `optuna.load_study` and optuna-dashboard.

    It holds one Optuna study for each optimizer's search, `{study id}/{optimizer}/search`, and one
    for what was measured, `{study id}/{optimizer}/measure`.
    """
    from tuner.exchange.optuna_file import optuna_file  # here: most app processes never need Optuna

    with database.read() as session:
        study = get_study(session, study_id)
        if study.spec.only_checks:
            raise NothingSearched(study_id, "trials to export")
        trials = StudyTrials(trials_of(session, study_id))
    headers = {"Content-Disposition": f'attachment; filename="{study_id}.optuna.log"'}
    return Response(optuna_file(study, trials), media_type=MEDIA_TYPE, headers=headers)
