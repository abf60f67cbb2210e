"""Health, for supervisors and load balancers."""

import datetime as dt
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter

from app.dependencies import Db, Settings
from app.liveness import age_seconds, coordinator, coordinator_problem
from parametrization.optimizers.rules_version import rules_version
from parametrization.rules.policies import Policies
from tuner.spec.record import Record
from tuner.storage.sql.database import require_current

router = APIRouter(tags=["health"])


class Health(Record):
    status: Literal["ok"] = "ok"


class Readiness(Record):
    status: Literal["ready"] = "ready"
    coordinator_heartbeat_age_seconds: float | None
    """For information: null if no coordinator has ever reported."""
    coordinator_problem: str | None
    """In words, why no study moves; null when they do."""


class Versions(Record):
    version: str
    """Of this service."""
    rules_version: str
    """Of the scaling rules under the usual policies: another may give other numbers."""


@router.get("/v1/version")
def read_version() -> Versions:
    """Which release answers, and with which rules."""
    return Versions(version=version("widthwise"), rules_version=rules_version(Policies()))


@router.get("/healthz")
async def healthz() -> Health:
    """Whether this process answers; looks at nothing else."""
    # A coroutine: it waits for no thread that a request of the database's has.
    return Health()


@router.get("/readyz")
def readyz(database: Db, settings: Settings) -> Readiness:
    """Whether studies can be stored: the database answers, fits this code and can be written."""
    require_current(database)
    with database.write() as session:  # being let in to write is the proof; nothing is written
        tuner = coordinator(session)
    now = dt.datetime.now(dt.UTC)
    return Readiness(
        coordinator_heartbeat_age_seconds=tuner and age_seconds(tuner, now),
        coordinator_problem=coordinator_problem(tuner, now, settings.coordinator_silence_seconds),
    )
