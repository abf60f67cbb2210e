"""Lease trials to trainers: each trial to one of them, and the same trial if it asks again."""

import datetime as dt
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tuner.records.errors import NotExternal, StudyEnded, StudyNotFound
from tuner.spec.families.registry import names_external_family
from tuner.spec.record import Record
from tuner.spec.states import FINAL_STUDY_STATES, OrderState, StudyState
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.lease_tables import LeaseRow, TrainerRow
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.studies import study_row
from tuner.storage.study_records import only_checks

ASK_SECONDS: Final = 15
"""Seconds for which a trainer counts as asking after it has asked or has been told to stop."""
RETRY_SECONDS: Final = 1
PAUSED_RETRY_SECONDS: Final = 10


class AskedForTrial(Record):
    """A trainer's request for a trial to train."""

    study_id: str
    worker: str
    ttl_seconds: int
    owner: str | None = None
    """Owner of the studies that it may ask for; None for any owner's."""


class LeasedTrial(Record):
    """A trial that a trainer holds."""

    study_id: str
    order_id: str
    attempt: int
    number: int
    worker: str
    ttl_seconds: int
    expires_at: dt.datetime
    reported_step: int
    checkpoint_step: int | None
    checkpoint: str | None


class NothingDue(Record):
    """There is no trial to train now."""

    retry_seconds: int


def lease_trial(
    session: Session, asked: AskedForTrial, now: dt.datetime
) -> LeasedTrial | NothingDue:
    """Give a trainer the trial that it has, or the one that has been on offer for longest.

    Raises:
        StudyNotFound: if there is none of that id.
        NotExternal: if its trials are trained by workers.
        StudyEnded: if there will be none.

    """
    study = study_row(session, asked.study_id)
    if asked.owner not in (None, study.owner):
        raise StudyNotFound(asked.study_id)
    require_external(study)
    row = _held(session, asked) or _offered(session, asked)
    if row is None:
        _note_asking(session, asked.study_id, asked.worker, now)
        paused = study.state == StudyState.PAUSED
        return NothingDue(retry_seconds=PAUSED_RETRY_SECONDS if paused else RETRY_SECONDS)
    row.state = LeaseState.LEASED
    row.worker = asked.worker
    row.ttl_seconds = asked.ttl_seconds
    row.expires_at = now + dt.timedelta(seconds=asked.ttl_seconds)
    session.execute(
        delete(TrainerRow).where(
            TrainerRow.study_id == asked.study_id, TrainerRow.worker == asked.worker
        )
    )
    session.flush()
    return LeasedTrial(reported_step=row.step, **_shown(row))


def note_asking(session: Session, study_id: str, worker: str, until: dt.datetime) -> None:
    """Count a trainer among those that ask, so that the next trial can be offered to it."""
    row = session.get(TrainerRow, (study_id, worker))
    if row is None:
        row = TrainerRow(study_id=study_id, worker=worker, asks_until=until)
        row.asked_at = dt.datetime.now(dt.UTC)
        session.add(row)
    row.asks_until = max(row.asks_until, until)


def _note_asking(session: Session, study_id: str, worker: str, now: dt.datetime) -> None:
    row = session.get(TrainerRow, (study_id, worker))
    until = now + dt.timedelta(seconds=ASK_SECONDS)
    if row is None:
        session.add(TrainerRow(study_id=study_id, worker=worker, asked_at=now, asks_until=until))
        session.flush()
    elif row.asks_until - now < dt.timedelta(seconds=ASK_SECONDS / 2):  # else known well enough
        row.asked_at, row.asks_until = now, until


def require_external(study: StudyRow) -> None:
    """Check that a study has trials to lease.

    Raises:
        NotExternal: if workers train them.
        StudyEnded: if there will be none.

    """
    if not names_external_family(study.spec):
        raise NotExternal(study.id)
    if study.state in FINAL_STUDY_STATES:
        raise StudyEnded(study.id, study.state, only_checked=only_checks(study.spec))


def _held(session: Session, asked: AskedForTrial) -> LeaseRow | None:
    """The open lease of a trainer that asks again: its answer was lost, or it has restarted."""
    return session.scalar(
        select(LeaseRow)
        .join(OrderRow, OrderRow.id == LeaseRow.order_id)
        .where(
            LeaseRow.state == LeaseState.LEASED,
            LeaseRow.study_id == asked.study_id,
            LeaseRow.worker == asked.worker,
            OrderRow.state == OrderState.OPEN,
        )
        .limit(1)
    )


def _offered(session: Session, asked: AskedForTrial) -> LeaseRow | None:
    """The lease that has been on offer for longest; None if nothing is on offer.

    Only one transaction writes at a time, so no other trainer can take it before the commit.
    """
    return session.scalar(
        select(LeaseRow)
        .join(OrderRow, OrderRow.id == LeaseRow.order_id)
        .where(
            LeaseRow.state == LeaseState.OFFERED,
            LeaseRow.study_id == asked.study_id,
            OrderRow.state == OrderState.OPEN,
        )
        .order_by(LeaseRow.offered_at, LeaseRow.number)
        .limit(1)
    )


def _shown(row: LeaseRow) -> dict[str, object]:
    return {
        name: getattr(row, name) for name in LeasedTrial.model_fields if name != "reported_step"
    }
