"""Where studies stand in the queue for slots, as the API's settings see it."""

import datetime as dt

from sqlalchemy.orm import Session

from app.settings import AppSettings
from tuner.decisions.queue import Place
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.storage.scheduling.queue import read_queue


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
