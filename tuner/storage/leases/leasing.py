"""Lease trials to trainers: each trial to one of them, and the same trial if it asks again."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from tuner.engine.orders import TrainOrder
from tuner.records.errors import (
    DocumentUnreadable,
    NotExternal,
    OrderUnreadable,
    StudyEnded,
    StudyNotFound,
    TunerError,
)
from tuner.spec.families.registry import names_external_family
from tuner.spec.record import Record
from tuner.spec.states import FINAL_STUDY_STATES, OrderState, StudyState
from tuner.storage.documents import ORDER
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.lease_tables import LeaseRow, TrainerRow
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.studies import study_row
from tuner.storage.study_records import only_checks

ASK_SECONDS: Final = 15
"""Seconds for which a trainer counts as asking after it has asked or has been told to stop."""
RETRY_SECONDS: Final = 1
PAUSED_RETRY_SECONDS: Final = 10

_Trainer: TypeAlias = tuple[str, str]
"""Study and worker."""
_TRAINER: Final = tuple_(TrainerRow.study_id, TrainerRow.worker)


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
    order: Any
    """Its order, as it is stored."""


_BESIDE: Final = frozenset({"reported_step", "order"})
"""Fields that are no columns of its row."""


class NothingDue(Record):
    """There is no trial to train now."""

    retry_seconds: int


def lease_trials(
    session: Session, asked: Sequence[AskedForTrial], now: dt.datetime
) -> list[LeasedTrial | NothingDue | TunerError]:
    """Give each trainer the trial that it has, or the one that has been on offer for longest.

    Returns:
        For each the trial, or that none is due, or the error that its sender gets: StudyNotFound,
        NotExternal if workers train the study's trials, StudyEnded. An error keeps no other back.

    """
    studies = [_study_of(session, one) for one in asked]
    asking = zip(asked, studies, strict=True)
    may_have = {_trainer(one) for one, study in asking if isinstance(study, StudyRow)}
    leases = _Leases(session, may_have)
    answers: list[LeasedTrial | NothingDue | TunerError] = []
    for one, study in zip(asked, studies, strict=True):
        if isinstance(study, TunerError):
            answers.append(study)
        elif (found := leases.take(_trainer(one))) is None:
            paused = study.state == StudyState.PAUSED
            retry_seconds = PAUSED_RETRY_SECONDS if paused else RETRY_SECONDS
            answers.append(NothingDue(retry_seconds=retry_seconds))
        else:
            row, order = found
            row.state, row.worker, row.ttl_seconds = LeaseState.LEASED, one.worker, one.ttl_seconds
            row.expires_at = now + dt.timedelta(seconds=one.ttl_seconds)
            answers.append(LeasedTrial(reported_step=row.step, order=order, **_shown(row)))
    _forget_asking(session, leases.taken)
    _note_idle(session, may_have - leases.taken, now)
    session.flush()
    return answers


def leased_order(lease: LeasedTrial) -> TrainOrder:
    """The order of a leased trial.

    Raises:
        OrderUnreadable: if it cannot be read.

    """
    try:
        order = ORDER.read(lease.order)
    except DocumentUnreadable as error:
        raise OrderUnreadable(lease.study_id, lease.order_id, error.reason) from error
    assert isinstance(order, TrainOrder), "trainers take train orders alone"
    return order


def note_asking(session: Session, until: Mapping[tuple[str, str], dt.datetime]) -> None:
    """Count trainers among those that ask, so that their next trials can be offered to them.

    Args:
        until: (study, worker) of each, and the end of the time for which it counts.

    """
    known = _asking(session, until)
    for trainer, end in until.items():
        row = known.get(trainer)
        if row is None:
            row = TrainerRow(study_id=trainer[0], worker=trainer[1], asks_until=end)
            row.asked_at = dt.datetime.now(dt.UTC)
            session.add(row)
        row.asks_until = max(row.asks_until, end)


def _note_idle(session: Session, trainers: Collection[_Trainer], now: dt.datetime) -> None:
    """Count trainers that asked and got nothing; few rows are written, as they ask each second."""
    known, until = _asking(session, trainers), now + dt.timedelta(seconds=ASK_SECONDS)
    for trainer in sorted(trainers):
        row = known.get(trainer)
        if row is None:
            study_id, worker = trainer
            row = TrainerRow(study_id=study_id, worker=worker, asked_at=now, asks_until=until)
            session.add(row)
        elif row.asks_until - now < dt.timedelta(seconds=ASK_SECONDS / 2):  # else known well enough
            row.asked_at, row.asks_until = now, until


def _asking(session: Session, trainers: Collection[_Trainer]) -> dict[_Trainer, TrainerRow]:
    if not trainers:
        return {}
    rows = session.scalars(select(TrainerRow).where(_TRAINER.in_(list(trainers))))
    return {(row.study_id, row.worker): row for row in rows}


def _forget_asking(session: Session, trainers: Collection[_Trainer]) -> None:
    if trainers:
        ended = delete(TrainerRow).where(_TRAINER.in_(list(trainers)))
        session.execute(ended.execution_options(synchronize_session=False))


def _trainer(asked: AskedForTrial) -> _Trainer:
    return asked.study_id, asked.worker


def _study_of(session: Session, asked: AskedForTrial) -> StudyRow | TunerError:
    """The study that a trainer asks for, or the error that it gets."""
    try:
        study = study_row(session, asked.study_id)
        if asked.owner not in (None, study.owner):
            raise StudyNotFound(asked.study_id)
        require_external(study)
    except TunerError as error:
        return error
    return study


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


class _Found(NamedTuple):
    row: LeaseRow
    order: Any
    """As it is stored."""


class _Leases:
    """The leases that trainers have, and those on offer, read at once for all that ask.

    Only one transaction writes at a time, so that nobody else can take one before the commit.
    """

    def __init__(self, session: Session, asking: Collection[_Trainer]) -> None:
        self.taken: set[_Trainer] = set()
        """Trainers that have got one."""
        self._held = _held(session, asking)
        without = Counter(study_id for study_id, _ in set(asking) - set(self._held))
        self._offered = {
            study_id: _offered(session, study_id, most) for study_id, most in without.items()
        }

    def take(self, trainer: _Trainer) -> _Found | None:
        """The trainer's open lease, or the next one on offer, which then is its."""
        found = self._held.get(trainer)
        if found is None and (offered := self._offered[trainer[0]]):
            found = self._held[trainer] = offered.popleft()
        if found is not None:
            self.taken.add(trainer)
        return found


def _held(session: Session, trainers: Collection[_Trainer]) -> dict[_Trainer, _Found]:
    """Open leases of trainers that ask again: their answers were lost, or they have restarted."""
    if not trainers:
        return {}
    rows = session.execute(
        select(LeaseRow, OrderRow.payload)
        .join(OrderRow, OrderRow.id == LeaseRow.order_id)
        .where(
            LeaseRow.state == LeaseState.LEASED,
            LeaseRow.study_id.in_({study_id for study_id, _ in trainers}),
            LeaseRow.worker.in_({worker for _, worker in trainers}),
            OrderRow.state == OrderState.OPEN,
        )
        .order_by(LeaseRow.number.desc())  # of several the first one is given
    )
    return {(row.study_id, str(row.worker)): _Found(row, order) for row, order in rows}


def _offered(session: Session, study_id: str, most: int) -> deque[_Found]:
    """Leases on offer, those that have been for longest first."""
    rows = session.execute(
        select(LeaseRow, OrderRow.payload)
        .join(OrderRow, OrderRow.id == LeaseRow.order_id)
        .where(
            LeaseRow.state == LeaseState.OFFERED,
            LeaseRow.study_id == study_id,
            OrderRow.state == OrderState.OPEN,
        )
        .order_by(LeaseRow.offered_at, LeaseRow.number)
        .limit(most)
    )
    return deque(_Found(row, order) for row, order in rows)


def _shown(row: LeaseRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in LeasedTrial.model_fields if name not in _BESIDE}
