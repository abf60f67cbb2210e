"""The coordinator, its slots, the trainers of users' own, and the queue for the slots."""

import datetime as dt

from fastapi import APIRouter

from app.dependencies import Db, Settings
from app.liveness import Liveness, coordinator, coordinator_problem, liveness, queue
from app.schemas.workers import Queue, WorkerList, worker_read
from tuner.storage.heartbeats import workers
from tuner.storage.leases.trainers import trainers
from tuner.storage.scheduling.works import works

router = APIRouter(prefix="/v1", tags=["workers"])


@router.get("/queue")
def read_queue(database: Db, settings: Settings) -> Queue:
    """Studies that hold slots, and the order in which the others get them."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        known = coordinator(session)
        listed = queue(session, now, settings)
    problem = coordinator_problem(known, now, settings.coordinator_silence_seconds)
    return Queue(places=listed, problem=problem)


@router.get("/workers")
def list_workers(database: Db, settings: Settings) -> WorkerList:
    """Workers, the work of each, and the time since its last sign of life."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        known, own = workers(session), trainers(session, now)
        everyone = [*known, *(one for one, _ in own)]
        on = works(session, [one.order_id for one in everyone if one.order_id is not None])
    silence = settings.coordinator_silence_seconds
    listed = [(worker, liveness(worker, now, silence)) for worker in known]
    listed += [(one, Liveness.WELL if is_heard else Liveness.SILENT) for one, is_heard in own]
    return WorkerList(
        workers=tuple(
            worker_read(worker, how, now, on.get(worker.order_id or "")) for worker, how in listed
        )
    )
