"""Define the API's records of workers."""

import datetime as dt
from typing import Final

from app.liveness import COORDINATOR, Liveness, age_seconds
from parametrization.recommendation.record import Record
from parametrization.text.durations import duration
from tuner.decisions.queue import Place
from tuner.storage.heartbeats import WorkerRecord
from tuner.storage.scheduling.works import Work


class WorkerWords(Record):
    """A worker's state, work and last sign of life, in words."""

    state: str
    works_on: str
    heard_of: str
    """Time since its last sign of life, such as `3 s ago`."""


class WorkerRead(Record):
    name: str
    device: str
    order_id: str | None
    """Id of the order that it works on; null if there is none."""
    study_id: str | None
    """Id of the study that the order belongs to; null if there is none."""
    liveness: Liveness
    problem: str | None
    """The reason why it cannot work, in words; null if it is well."""
    heartbeat_at: dt.datetime
    heartbeat_age_seconds: float
    words: WorkerWords


class Queue(Record):
    places: tuple[Place, ...]
    """Of every study at work or waiting: those that hold slots first, then as their turns come.
    Studies with trainers of their own are not among them."""
    problem: str | None
    """The reason why nothing moves, in words; null when something does."""


class WorkerList(Record):
    workers: tuple[WorkerRead, ...]
    """The coordinator (`tuner`), each slot, and the trainers of users' own."""


_DOES: Final = {
    "describe": "builds the model of",
    "check": "runs the coordinate check of",
    "probe": "measures how to pack trials of",
    "train": "trains for",
}
_STATES: Final = {Liveness.WELL: "✔ well", Liveness.SILENT: "✖ not responding"}


def worker_read(
    worker: WorkerRecord, how: Liveness, now: dt.datetime, work: Work | None
) -> WorkerRead:
    """A worker as it is now.

    Args:
        worker: as it last reported.
        how: its state.
        now: the present time.
        work: the study and the kind of its order; None while it has none.

    """
    age = age_seconds(worker, now)
    return WorkerRead(
        **worker.model_dump(),
        study_id=None if work is None else work.study_id,
        liveness=how,
        heartbeat_age_seconds=age,
        words=WorkerWords(
            state=_STATES.get(how, f"⚠ {worker.problem}"),
            works_on=_works_on(worker, work),
            heard_of=f"{duration(age)} ago",
        ),
    )


def _works_on(worker: WorkerRecord, work: Work | None) -> str:
    if worker.name == COORDINATOR:
        return "coordinates"
    if work is None:
        return "idle" if worker.order_id is None else "works"
    does = _DOES.get(work.kind, work.kind)
    return f"{does} {work.study_name or work.study_id}"
