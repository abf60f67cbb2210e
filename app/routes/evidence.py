"""Serve a study's evidence: coordinate check, loss against learning rate by width, dynamics."""

from fastapi import APIRouter, Response

from app.dependencies import Db, Kept, StudyId
from app.schemas.evidence import (
    CoordinateCheckRead,
    DynamicsRead,
    SensitivityRead,
    coordinate_check_read,
    dynamics_read,
    sensitivity_read,
)
from tuner.storage.evidence import read_evidence, read_summary, settled
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["evidence"])


@router.get("/coordinate-check")
def read_coordinate_check(study_id: StudyId, database: Db) -> CoordinateCheckRead:
    """Do a few updates move activations alike at every width? In words, and by tensor."""
    with database.read() as session:
        study = get_study(session, study_id)
        known = read_summary(session, study)
    return coordinate_check_read(study, known)


@router.get("/sensitivity", response_model=SensitivityRead)
def read_sensitivity(study_id: StudyId, database: Db, answers: Kept) -> Response:
    """Loss against learning rate by width, the fitted optima, and how far they move.

    While trials run it may lack those that ended in the last seconds. Of a search with more than
    200 learning rates, evenly many of them are listed, and the best.
    """

    def made() -> Response:
        with database.read() as session:
            study = get_study(session, study_id)
            evidence = read_evidence(session, study)
        text = sensitivity_read(study, evidence).model_dump_json()
        return Response(text, media_type="application/json")

    with database.read() as session:
        basis = settled(session, study_id)
    return made() if basis is None else answers.answer(("sensitivity", basis), made)


@router.get("/dynamics")
def read_dynamics(study_id: StudyId, database: Db) -> DynamicsRead:
    """Curvature, noise of gradients and the edge of stability along the winner's training.

    By optimizer and width, where the study asked for `dynamics`; with the loss on the plane of the
    two sharpest directions at the end.
    """
    with database.read() as session:
        return dynamics_read(get_study(session, study_id))
