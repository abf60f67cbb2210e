"""Projects, which studies name themselves."""

from fastapi import APIRouter

from app.dependencies import Db
from parametrization.recommendation.record import Record
from tuner.storage.changes.study_edits import list_projects as stored_projects

router = APIRouter(prefix="/v1", tags=["studies"])


class ProjectRead(Record):
    name: str
    """Empty: that of studies which name none."""
    studies: int


class ProjectList(Record):
    projects: tuple[ProjectRead, ...]
    """By name."""


@router.get("/projects")
def list_projects(database: Db) -> ProjectList:
    """Every project that a study belongs to, and how many do."""
    with database.read() as session:
        found = stored_projects(session)
    return ProjectList(projects=tuple(ProjectRead(**one._asdict()) for one in found))
