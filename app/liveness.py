"""Judge whether the coordinator and its slots are at work, and say what studies wait for."""

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy.orm import Session

from app.settings import AppSettings
from tuner.decisions.queue import Place
from tuner.evidence.checks.posted import awaited_statistics
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import ACTIVE_STUDY_STATES, FINAL_STUDY_STATES, StudyState
from tuner.storage.heartbeats import WorkerRecord, workers
from tuner.storage.leases.trainers import TrainerPresence, trainers_of
from tuner.storage.scheduling.queue import read_queue
from tuner.storage.study_records import statistics_of

COORDINATOR = "tuner"
"""The name under which the coordinator reports."""


class Liveness(StrEnum):
    WELL = "well"
    TROUBLED = "troubled"  # alive, and says what keeps it from working
    SILENT = "silent"  # not heard of for too long


def liveness(worker: WorkerRecord, now: dt.datetime, silence_seconds: float) -> Liveness:
    """The state of a worker: well, troubled, or silent for too long."""
    if age_seconds(worker, now) > silence_seconds:
        return Liveness.SILENT
    return Liveness.TROUBLED if worker.problem else Liveness.WELL


def age_seconds(worker: WorkerRecord, now: dt.datetime) -> float:
    """Seconds since the worker was last heard of."""
    return round(max(0.0, (now - worker.heartbeat_at).total_seconds()), 1)


def coordinator(session: Session) -> WorkerRecord | None:
    """The coordinator as it last reported; None if none ever has."""
    return next((w for w in workers(session) if w.name == COORDINATOR), None)


def coordinator_problem(
    tuner: WorkerRecord | None, now: dt.datetime, silence_seconds: float
) -> str | None:
    """The reason why no study advances, in words; None if there is none."""
    if tuner is None:
        return "No coordinator has ever run on this database: start one with `widthwise up`."
    if liveness(tuner, now, silence_seconds) is Liveness.SILENT:
        return (
            f"The coordinator was last heard of {age_seconds(tuner, now):.0f} s ago:"
            " start it again with `widthwise up`; the study goes on where it was."
        )
    return tuner.problem


def engine_problem(
    slots: Sequence[WorkerRecord], now: dt.datetime, silence_seconds: float
) -> str | None:
    """The reason why nothing can train, in words; None if a slot is well."""
    found = [liveness(slot, now, silence_seconds) for slot in slots]
    if Liveness.WELL in found:
        return None
    if not slots:
        return "No slot has ever been at work: start a worker."
    troubles = [slot.problem for slot in slots if slot.problem]
    if Liveness.TROUBLED in found and troubles:
        return f"No slot is well: {troubles[0]}"
    age = min(age_seconds(slot, now) for slot in slots)
    return f"No slot is at work; one was last heard of {age:.0f} s ago: start the workers again."


def study_problem(
    session: Session, study: StudyRecord, now: dt.datetime, silence_seconds: float
) -> str | None:
    """The reason why this study does not advance, in words; None if there is none."""
    if study.state in FINAL_STUDY_STATES or study.state is StudyState.PAUSED:
        return None
    known = coordinator_problem(coordinator(session), now, silence_seconds)
    if known is None and study.spec.family.is_external:
        return _trainers_problem(session, study, now)
    return known


def _trainers_problem(session: Session, study: StudyRecord, now: dt.datetime) -> str | None:
    """The reason why a study that is trained elsewhere waits, in words; None if it does not."""
    if study.state is StudyState.CHECKING:
        missing = next(awaited_statistics(study, statistics_of(session, study.id)), None)
        if missing is not None:
            return (
                "The coordinate check of your own model has not been posted, or not all of it"
                f" ({missing.optimizer} at width {missing.width}: {missing.words}): run"
                f" `widthwise post-check {study.id} FILE.py` where the model is."
            )
    presence = trainers_of(session, study.id, now)
    if presence is TrainerPresence.AT_WORK:
        return None
    never = presence is TrainerPresence.NEVER
    what = "has asked for a trial yet" if never else "is at work any more"
    return (
        f'No trainer {what}: run one that loops over `client.trials("{study.id}")`, or asks'
        f" POST /v1/studies/{study.id}:lease."
    )


def queue(session: Session, now: dt.datetime, settings: AppSettings) -> tuple[Place, ...]:
    """Places of all active studies whose trials are trained here."""
    heard_since = now - dt.timedelta(seconds=settings.coordinator_silence_seconds)
    return read_queue(session, heard_since, settings.slots_per_owner)


def place_of(
    session: Session, study: StudyRecord, now: dt.datetime, settings: AppSettings
) -> Place | None:
    """The study's place; None if it is not in the queue."""
    if study.state not in ACTIVE_STUDY_STATES or study.spec.family.is_external:
        return None
    return next((one for one in queue(session, now, settings) if one.study_id == study.id), None)
