"""Lease trials to trainers: each trial to one of them, and the same trial if it asks again."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Row, Table, bindparam, delete, select, tuple_, update
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
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
from tuner.spec.states import FINAL_STUDY_STATES, OrderState, StudyState
from tuner.storage.documents import ORDER
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.database import connection_of
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
_Row: TypeAlias = Row[*tuple[Any, ...]]
"""Of a lease, with its order as it is stored."""
_TRAINER: Final = tuple_(TrainerRow.study_id, TrainerRow.worker)
_LEASES: Final = cast("Table", LeaseRow.__table__)
# Of columns and prepared, because objects take longer than everything else that a lease needs.
_OPEN: Final = (
    select(*_LEASES.columns, OrderRow.payload.label("order"))
    .join(OrderRow, OrderRow.id == LeaseRow.order_id)
    .where(OrderRow.state == OrderState.OPEN)
)
_HELD: Final = _OPEN.where(
    LeaseRow.state == LeaseState.LEASED,
    LeaseRow.study_id.in_(bindparam("studies", expanding=True)),
    LeaseRow.worker.in_(bindparam("workers", expanding=True)),
).order_by(LeaseRow.number.desc())  # of several the first one is given
_OFFERED: Final = (
    _OPEN.where(LeaseRow.state == LeaseState.OFFERED, LeaseRow.study_id == bindparam("of_study"))
    .order_by(LeaseRow.offered_at, LeaseRow.number)
    .limit(bindparam("most"))
)
_TAKE: Final = (
    update(_LEASES)
    .where(LeaseRow.study_id == bindparam("of_study"), LeaseRow.number == bindparam("of_number"))
    .values(
        state=LeaseState.LEASED,
        worker=bindparam("by"),
        ttl_seconds=bindparam("lasting"),
        expires_at=bindparam("until", type_=_LEASES.columns["expires_at"].type),
    )
)
_FORGET: Final = delete(cast("Table", TrainerRow.__table__)).where(
    _TRAINER.in_(bindparam("trainers", expanding=True))
)


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
        elif (row := leases.take(one)) is None:
            paused = study.state == StudyState.PAUSED
            retry_seconds = PAUSED_RETRY_SECONDS if paused else RETRY_SECONDS
            answers.append(NothingDue(retry_seconds=retry_seconds))
        else:
            answers.append(_leased(row, one, now))
    if leases.taken:
        taken = [answer for answer in answers if isinstance(answer, LeasedTrial)]
        connection_of(session).execute(_TAKE, list(map(_taken, taken)))
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
        connection_of(session).execute(_FORGET, {"trainers": sorted(trainers)})


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

    def take(self, asked: AskedForTrial) -> _Row | None:
        """The trainer's open lease, or the next one on offer, which then is its."""
        trainer = _trainer(asked)
        row = self._held.get(trainer)
        if row is None and (offered := self._offered[trainer[0]]):
            row = self._held[trainer] = offered.popleft()
        if row is not None:
            self.taken.add(trainer)
        return row


def _held(session: Session, trainers: Collection[_Trainer]) -> dict[_Trainer, _Row]:
    """Open leases of trainers that ask again: their answers were lost, or they have restarted."""
    if not trainers:
        return {}
    studies, workers = map(sorted, map(set, zip(*trainers, strict=True)))
    rows = connection_of(session).execute(_HELD, {"studies": studies, "workers": workers})
    return {(row.study_id, row.worker): row for row in rows.all()}


def _offered(session: Session, study_id: str, most: int) -> deque[_Row]:
    """Leases on offer, those that have been for longest first."""
    given = {"of_study": study_id, "most": most}
    return deque(connection_of(session).execute(_OFFERED, given).all())


def _leased(row: _Row, asked: AskedForTrial, now: dt.datetime) -> LeasedTrial:
    return LeasedTrial(
        study_id=row.study_id,
        order_id=row.order_id,
        attempt=row.attempt,
        number=row.number,
        worker=asked.worker,
        ttl_seconds=asked.ttl_seconds,
        expires_at=now + dt.timedelta(seconds=asked.ttl_seconds),
        reported_step=row.step,
        checkpoint_step=row.checkpoint_step,
        checkpoint=row.checkpoint,
        order=row.order,
    )


def _taken(lease: LeasedTrial) -> dict[str, Any]:
    return {
        "of_study": lease.study_id,
        "of_number": lease.number,
        "by": lease.worker,
        "lasting": lease.ttl_seconds,
        "until": lease.expires_at,
    }
