"""Define the API's records of workers."""

import datetime as dt

from app.liveness import Liveness
from tuner.decisions.queue import Place
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


class Queue(Record):
    places: tuple[Place, ...]
    """Of every study at work or waiting: those that hold slots first, then as their turns come.
    Studies with trainers of their own are not among them."""
    problem: str | None
    """In words, why nothing moves; null when it does."""


class WorkerList(Record):
    workers: tuple[WorkerRead, ...]
    """The coordinator (`tuner`), each slot, and the trainers of users' own."""
