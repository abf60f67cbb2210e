"""Define the API's records of workers."""

import datetime as dt

from app.liveness import Liveness
from tuner.spec.record import Record


class WorkerRead(Record):
    name: str
    device: str
    order_id: str | None
    """What it works on."""
    liveness: Liveness
    problem: str | None
    """In words, what keeps it from working."""
    heartbeat_at: dt.datetime
    heartbeat_age_seconds: float


class WorkerList(Record):
    workers: tuple[WorkerRead, ...]
    """The coordinator (`tuner`), each slot, and the trainers of users' own."""
