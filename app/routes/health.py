"""Health, for supervisors and load balancers."""

import datetime as dt
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter

from app.dependencies import Db, Settings
from app.liveness import (
    COORDINATOR,
    Liveness,
    age_seconds,
    coordinator_problem,
    engine_problem,
    liveness,
)
from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.record import Record
from parametrization.rules.policies import Policies
from tuner.records.errors import NotAtWork
from tuner.storage.heartbeats import workers
from tuner.storage.sql.database import require_storable

router = APIRouter(tags=["health"])


class Health(Record):
    status: Literal["ok"] = "ok"


class Readiness(Record):
    status: Literal["ready"] = "ready"
    coordinator_heartbeat_age_seconds: float | None
    """Null if no coordinator has ever reported."""
    coordinator_problem: str | None
    """In words, what the installation still lacks; null where studies move."""
    slots: int
    """Slots that are well."""


class Versions(Record):
    version: str
    """Version of this service."""
    rules_version: str
    """Version of the scaling rules under the usual policies: another may give other numbers."""


@router.get("/v1/version")
def read_version() -> Versions:
    """Version of the release that answers, and of its rules."""
    return Versions(version=version("widthwise"), rules_version=rules_version(Policies()))


@router.get("/healthz")
async def healthz() -> Health:
    """Liveness of this process alone: nothing else is looked at."""
    # A coroutine: it waits for no thread that a request of the database's has.
    return Health()


@router.get("/readyz")
def readyz(database: Db, settings: Settings) -> Readiness:
    """Readiness of the service: database, coordinator and a slot are at work.

    A database that no coordinator has ever run on is ready to store the first studies. It looks
    without queueing for the database's lock, so that it may be asked often.
    """
    require_storable(database)
    with database.read() as session:
        known = workers(session)
    now, silence = dt.datetime.now(dt.UTC), settings.coordinator_silence_seconds
    tuner = next((worker for worker in known if worker.name == COORDINATOR), None)
    slots = [worker for worker in known if worker.name != COORDINATOR]
    problem = coordinator_problem(tuner, now, silence) or engine_problem(slots, now, silence)
    if tuner is not None and problem is not None:
        raise NotAtWork(problem)
    well = [slot for slot in slots if liveness(slot, now, silence) is Liveness.WELL]
    return Readiness(
        coordinator_heartbeat_age_seconds=tuner and age_seconds(tuner, now),
        coordinator_problem=problem,
        slots=len(well),
    )
