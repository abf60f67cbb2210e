"""Sum up what the whole service does right now, in numbers and in words."""

import datetime as dt
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from app.liveness import COORDINATOR, Liveness, coordinator, coordinator_problem, liveness
from parametrization.recommendation.record import Record
from tuner.spec.states import ACTIVE_STUDY_STATES, StudyState
from tuner.storage.heartbeats import workers
from tuner.storage.leases.trainers import trainers
from tuner.storage.recommendations.stored import recommendations_pending
from tuner.storage.study_list import studies_by_state, studies_completed_since

WEEK: Final = dt.timedelta(days=7)


class OverviewWords(Record):
    """One line a tile."""

    running: str
    workers: str
    completed: str
    pending: str


class Overview(Record):
    """The present state of the whole service."""

    studies: dict[StudyState, int]
    workers_busy: int
    workers_idle: int
    workers_silent: int
    """Workers not heard of for too long."""
    completed_this_week: int
    pending_recommendations: int
    """Stored recommendations that nobody has decided about."""
    problem: str | None
    """In words, what keeps every study from moving; null when nothing does."""
    words: OverviewWords


class _Workers(NamedTuple):
    busy: int
    idle: int
    silent: int


def read_overview(session: Session, now: dt.datetime, silence_seconds: float) -> Overview:
    """Counts over everything that is stored."""
    studies = studies_by_state(session)
    counted = _workers(session, now, silence_seconds)
    completed = studies_completed_since(session, now - WEEK)
    pending = recommendations_pending(session)
    queued = studies[StudyState.QUEUED]
    running = sum(studies[state] for state in ACTIVE_STUDY_STATES) - queued
    return Overview(
        studies=studies,
        workers_busy=counted.busy,
        workers_idle=counted.idle,
        workers_silent=counted.silent,
        completed_this_week=completed,
        pending_recommendations=pending,
        problem=coordinator_problem(coordinator(session), now, silence_seconds),
        words=OverviewWords(
            running=f"{running} running, {queued} queued",
            workers=f"{counted.busy} busy, {counted.idle} idle"
            + (f", {counted.silent} silent" if counted.silent else ""),
            completed=f"{completed} completed",
            pending=f"{pending} to decide",
        ),
    )


def _workers(session: Session, now: dt.datetime, silence_seconds: float) -> _Workers:
    slots = [worker for worker in workers(session) if worker.name != COORDINATOR]
    heard = [one for one in slots if liveness(one, now, silence_seconds) is not Liveness.SILENT]
    own = trainers(session, now)
    heard += [worker for worker, is_heard in own if is_heard]
    busy = sum(worker.order_id is not None for worker in heard)
    return _Workers(busy, len(heard) - busy, len(slots) + len(own) - len(heard))
