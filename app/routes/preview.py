"""Say what a study would run, before it is asked for."""

import datetime as dt

from fastapi import APIRouter

from app.data_files import with_data
from app.dependencies import Db, Settings
from app.http.json_requests import JsonRoute
from app.liveness import COORDINATOR, Liveness, liveness
from tuner.data_files.places import Places
from tuner.evidence.preview import Preview, preview
from tuner.spec.study import StudySpec
from tuner.storage.heartbeats import workers
from tuner.storage.speeds import described_shape, measured_speeds

router = APIRouter(prefix="/v1", tags=["studies"], route_class=JsonRoute)


@router.post("/studies:preview")
def preview_study(body: StudySpec, database: Db, settings: Settings) -> Preview:
    """What a study would run: trials, parameters, FLOPs, time, and how sure the answer would be.

    Nothing is stored. The body is that of a submission, and is refused as that would be.
    """
    spec = with_data(body, Places(settings.dataset_dirs))
    now, silence = dt.datetime.now(dt.UTC), settings.coordinator_silence_seconds
    with database.read() as session:
        shape = described_shape(session, spec)
        speeds = measured_speeds(session, spec.family.name)
        known = workers(session)
    at_work = [
        one.device.startswith("cuda")
        for one in known
        if one.name != COORDINATOR and liveness(one, now, silence) is not Liveness.SILENT
    ]
    slots = sum(at_work) or len(at_work)  # GPUs are packed for where there are any
    return preview(spec, shape, speeds=speeds, slots=0 if spec.family.is_external else slots)
