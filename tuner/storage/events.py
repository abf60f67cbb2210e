"""The outbox: what happened to studies, written in the transaction that made it happen.

The log of the process that made it happen says the same, once the transaction is committed.
"""

import datetime as dt
import logging
from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from typing import Any, Final, cast

from pydantic import field_validator
from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.storage.sql.at_commit import after_commit, at_commit
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import StudyEventRow


class EventKind(StrEnum):
    STUDY_STATE = "study.state"  # from, to, reason
    STUDY_EDITED = "study.edited"  # priority, project, labels: as they are now
    TRIALS_GIVEN = "trials.given"  # enqueued, prior: how many points
    CHECK_FINISHED = "check.finished"  # summary: the verdict in words
    PACKING_CHOSEN = "packing.chosen"  # optimizer, width, way, trials, speedup, device, summary
    TRIAL_STATE = "trial.state"  # number, purpose, width, state, reason, value; final states
    TRIAL_PROGRESS = "trial.progress"  # number, step, loss; once per stored rung
    TRIAL_RESTARTED = "trial.restarted"  # number, step: what it had trained; message: why
    ORDER_LOST = "order.lost"  # order_id, kind, attempt, losses, message
    ORDER_PREEMPTED = "order.preempted"  # order_id, kind, attempt: others' turn; it goes on later
    ORDER_FAILED = "order.failed"  # order_id, kind, reason, message
    RECOMMENDATION_STORED = "recommendation.stored"  # id, sha256, verdict, headline
    RECOMMENDATION_APPROVED = "recommendation.approved"  # id, sha256, by, note
    RECOMMENDATION_REJECTED = "recommendation.rejected"  # id, sha256, by, note
    RECOMMENDATION_OBSERVED = "recommendation.observed"  # id, verdict, step, words; new verdicts


_LEVELS: Final = {
    EventKind.TRIAL_PROGRESS: logging.DEBUG,  # of all rungs of all trials
    EventKind.TRIAL_RESTARTED: logging.WARNING,
    EventKind.ORDER_LOST: logging.WARNING,
    EventKind.ORDER_FAILED: logging.WARNING,
}
"""Log levels of the events that are not logged at INFO."""
_LOGGED_AS: Final = {"number": "trial", "order_id": "order", "id": "recommendation"}
"""Names of ids in the log, by their names in an event's data."""

log = logging.getLogger(__name__)

_INSERT = insert(cast("Table", StudyEventRow.__table__))


class StudyEvent(Record):
    """Something that happened to a study; a later event has a higher id."""

    id: int
    study_id: str
    kind: str
    """An `EventKind`, or one of a newer release."""
    data: dict[str, Any]
    created_at: dt.datetime

    @field_validator("data", mode="before")
    @classmethod
    def _is_an_object(cls, stored: object) -> object:
        """The data, or an object that shows them: a damaged event must not end the stream."""
        return stored if isinstance(stored, dict) else {"unreadable": f"{stored!r:.200}"}


def write_event(session: Session, study_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Store an event; it becomes visible with the change that it tells of.

    Events of a transaction are inserted together when it is committed, in the order of these calls.
    """
    now = dt.datetime.now(dt.UTC)
    row = {"study_id": study_id, "kind": kind, "data": data, "created_at": now}
    at_commit(session, _insert_events).append(row)


def _insert_events(session: Session, rows: list[dict[str, Any]]) -> None:
    connection_of(session).execute(_INSERT, rows)  # the study may be as new as its event
    after_commit(session, partial(_log, rows))


def _log(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        level = _LEVELS.get(row["kind"], logging.INFO)
        if log.isEnabledFor(level):
            data = {_LOGGED_AS.get(name, name): value for name, value in row["data"].items()}
            fields = {"study": row["study_id"], **data}
            log.log(level, str(row["kind"]), extra={"fields": fields})


def events_after(
    session: Session, study_id: str | None, after_id: int, limit: int
) -> tuple[StudyEvent, ...]:
    """Read the next events of one study, or of all, oldest first."""
    query = select(StudyEventRow).where(StudyEventRow.id > after_id)
    if study_id is not None:
        query = query.where(StudyEventRow.study_id == study_id)
    rows = session.scalars(query.order_by(StudyEventRow.id).limit(limit))
    return tuple(StudyEvent.model_validate(row, from_attributes=True) for row in rows)


def last_event_id(session: Session) -> int:
    """Id of the newest event of any study; 0 before the first."""
    return session.scalar(select(func.max(StudyEventRow.id))) or 0
