"""Say what a study or a check would run, before it is asked for."""

from fastapi import APIRouter

from app.dependencies import Db, Settings
from app.http.json_requests import JsonRoute
from app.routes.planning.planned import previewed, spec_of_check
from app.schemas.coordinate_checks import CheckAsked
from tuner.evidence.preview import Preview
from tuner.spec.study import StudySpec

router = APIRouter(prefix="/v1", tags=["studies"], route_class=JsonRoute)


@router.post("/studies:preview")
def preview_study(body: StudySpec, database: Db, settings: Settings) -> Preview:
    """Preview of a study: trials, parameters, FLOPs, time, and the certainty of its answer.

    Nothing is stored. The body is that of a submission, and is refused as that would be. What a
    budget plans is in the specification of the answer.
    """
    return previewed(body, database, settings)


@router.post("/coordinate-checks:preview", tags=["coordinate checks"])
def preview_coordinate_check(body: CheckAsked, database: Db, settings: Settings) -> Preview:
    """Preview of a coordinate check: widths, seeds, parameters, FLOPs and time.

    Nothing is stored. The body is that of a submission, and is refused as that would be. `spec` of
    the answer is the study that it would be, which stops after its check.
    """
    return previewed(spec_of_check(body), database, settings)
