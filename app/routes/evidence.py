"""What a study has measured: coordinate check, and loss against learning rate by width."""

from fastapi import APIRouter

from app.dependencies import Db, StudyId
from app.schemas.evidence import (
    CoordinateCheckRead,
    SensitivityRead,
    coordinate_check_read,
    sensitivity_read,
)
from tuner.storage.studies import read_snapshot

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["evidence"])


@router.get("/coordinate-check")
def read_coordinate_check(study_id: StudyId, database: Db) -> CoordinateCheckRead:
    """Do a few updates move activations alike at every width? In words, and by tensor."""
    with database.read() as session:
        snapshot = read_snapshot(session, study_id)
    return coordinate_check_read(snapshot)


@router.get("/sensitivity")
def read_sensitivity(study_id: StudyId, database: Db) -> SensitivityRead:
    """Loss against learning rate by width, the fitted optima, and how far they move."""
    with database.read() as session:
        snapshot = read_snapshot(session, study_id)
    return sensitivity_read(snapshot)
