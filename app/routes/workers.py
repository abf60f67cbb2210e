"""The coordinator and its slots."""

import datetime as dt

from fastapi import APIRouter

from app.dependencies import Db, Settings
from app.liveness import age_seconds, liveness
from app.schemas.workers import WorkerList, WorkerRead
from tuner.storage.heartbeats import workers

router = APIRouter(prefix="/v1", tags=["workers"])


@router.get("/workers")
def list_workers(database: Db, settings: Settings) -> WorkerList:
    """Who works, on what, and since when it has not been heard of."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        known = workers(session)
    return WorkerList(
        workers=tuple(
            WorkerRead(
                **worker.model_dump(),
                liveness=liveness(worker, now, settings.coordinator_silence_seconds),
                heartbeat_age_seconds=age_seconds(worker, now),
            )
            for worker in known
        )
    )
