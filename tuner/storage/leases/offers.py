"""Offer orders to trainers, see who has them, end their leases, read their losses."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, Table, and_, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.engine.orders import OrderId, TrainOrder
from tuner.engine.series import VALUE
from tuner.spec.states import FINAL_TRIAL_STATES
from tuner.storage.leases.leasing import note_asking
from tuner.storage.leases.states import LIVE, LeaseState
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.lease_tables import LeaseReportRow, LeaseRow, TrainerRow
from tuner.storage.sql.tables import TrialRow

FORGET: dt.timedelta = dt.timedelta(days=1)
"""Trainers that have not asked for this long are forgotten."""

_LEASES = cast("Table", LeaseRow.__table__)
_Reported = Row[int, int, int, bytes, float | None]


class LiveLease(Record):
    """A lease that an engine has to look after."""

    study_id: str
    number: int
    order_id: OrderId
    attempt: int
    state: LeaseState
    worker: str | None
    ttl_seconds: int
    expires_at: dt.datetime | None
    rungs: tuple[int, ...]
    needs_validation: bool
    step: int
    diverged: bool
    failure: str | None

    def has_expired(self, now: dt.datetime) -> bool:
        """True if its trainer has not renewed it in time."""
        return (
            self.state is LeaseState.LEASED
            and self.expires_at is not None
            and self.expires_at < now
        )


class AskingTrainer(NamedTuple):
    """A trainer without a trial."""

    study_id: str
    worker: str


class Losses(NamedTuple):
    """The losses reported of one trial so far."""

    train: npt.NDArray[np.float32]
    """Training losses of updates 1, 2, ... up to the first update without a reported loss."""
    validation: tuple[tuple[int, float], ...]
    """(Step, loss) pairs, by step."""


_LIVE = (
    select(*(_LEASES.columns[name] for name in LiveLease.model_fields))
    .where(LeaseRow.state.in_(LIVE))
    .order_by(LeaseRow.offered_at, LeaseRow.study_id, LeaseRow.number)
)

_CLOSE = (
    update(_LEASES)
    .where(
        LeaseRow.order_id == bindparam("of_order"),
        LeaseRow.attempt == bindparam("of_attempt"),
        LeaseRow.state == LeaseState.FINISHED,
    )
    .values(state=LeaseState.CLOSED)
)
_REPORTED = (
    select(
        LeaseReportRow.number,
        LeaseReportRow.first_step,
        LeaseReportRow.step,
        LeaseReportRow.losses,
        LeaseReportRow.validation_loss,
    )
    .where(
        LeaseReportRow.study_id == bindparam("of_study"),
        LeaseReportRow.number.in_(bindparam("numbers", expanding=True)),
    )
    .order_by(LeaseReportRow.number, LeaseReportRow.step)
)


def live_leases(session: Session) -> tuple[LiveLease, ...]:
    """Leases on offer, held, or reported to their end; those offered first come first."""
    rows = connection_of(session).execute(_LIVE).mappings()
    return tuple(LiveLease.model_validate(dict(row)) for row in rows)


def asking_trainers(session: Session, now: dt.datetime) -> tuple[AskingTrainer, ...]:
    """Trainers that ask for trials, those that have asked for longest first."""
    rows = session.execute(
        select(TrainerRow.study_id, TrainerRow.worker)
        .where(TrainerRow.asks_until > now)
        .order_by(TrainerRow.asked_at, TrainerRow.worker)
    )
    return tuple(AskingTrainer(*row) for row in rows)


def is_offered(session: Session, order: TrainOrder) -> bool:
    """True if this attempt at the order is, or was, on offer to trainers."""
    row = session.execute(
        select(LeaseRow.attempt).where(LeaseRow.order_id == order.id)
    ).one_or_none()
    return row is not None and row.attempt == order.attempt


def offer(session: Session, orders: Iterable[TrainOrder], now: dt.datetime) -> None:
    """Let trainers take these orders; one that is there at the same attempt stays as it is.

    A trial goes on from its newest checkpoint, if its trainer gave any, or starts anew.
    """
    orders = list(orders)
    rows = _rows_of(session, orders)
    for order in orders:
        (trial,) = order.trials
        key = (order.study_id, trial.spec.number)
        row = rows.get(key)
        if row is not None and (row.order_id, row.attempt) == (order.id, order.attempt):
            continue
        is_new = row is None
        if row is None:
            row = LeaseRow(study_id=key[0], number=key[1], step=0, ttl_seconds=0)
            session.add(row)
        if row.checkpoint_step is not None and row.checkpoint_step >= order.to_step:
            row.checkpoint_step = row.checkpoint = None
        row.order_id, row.attempt = order.id, order.attempt
        row.state, row.worker, row.expires_at = LeaseState.OFFERED, None, None
        row.offered_at = now
        row.rungs = list(order.rungs)
        metric = trial.spec.model.family.comparison.metric
        row.needs_validation = metric == "validation_loss"
        row.step = row.validated_step = row.checkpoint_step or 0
        row.diverged, row.failure = False, None
        if not is_new:
            _forget_beyond(session, row)


def _rows_of(session: Session, orders: Iterable[TrainOrder]) -> dict[tuple[str, int], LeaseRow]:
    """The leases that these orders' trials have had, by study and number."""
    numbers: dict[str, list[int]] = {}
    for order in orders:
        numbers.setdefault(order.study_id, []).append(order.trials[0].spec.number)
    found = (
        session.scalars(
            select(LeaseRow).where(LeaseRow.study_id == study_id, LeaseRow.number.in_(of_study))
        )
        for study_id, of_study in numbers.items()
    )
    return {(row.study_id, row.number): row for rows in found for row in rows}


def _forget_beyond(session: Session, row: LeaseRow) -> None:
    """Delete the losses of updates that are trained again."""
    session.execute(
        delete(LeaseReportRow).where(
            LeaseReportRow.study_id == row.study_id,
            LeaseReportRow.number == row.number,
            LeaseReportRow.step > row.step,
        )
    )


def expire(session: Session, lease: LiveLease, now: dt.datetime) -> bool:
    """End a lease that has expired; False if it was renewed meanwhile."""
    ended = session.execute(
        update(LeaseRow)
        .where(
            LeaseRow.order_id == lease.order_id,
            LeaseRow.attempt == lease.attempt,
            LeaseRow.state == LeaseState.LEASED,
            LeaseRow.expires_at < now,
        )
        .values(state=LeaseState.LOST)
        .returning(LeaseRow.order_id)
    )
    return ended.first() is not None


def close_leases(session: Session, told: Collection[tuple[OrderId, int]]) -> None:
    """Note that the ends of these orders, by id and attempt, are stored."""
    if told:
        given = [{"of_order": order_id, "of_attempt": attempt} for order_id, attempt in told]
        connection_of(session).execute(_CLOSE, given)


def cancel_lease(session: Session, order_id: OrderId) -> None:
    """End a lease, whatever its trainer does; the trainer is told when it next reports."""
    row = session.scalar(select(LeaseRow).where(LeaseRow.order_id == order_id))
    if row is None or row.state not in LIVE:
        return
    if row.state == LeaseState.LEASED and row.worker is not None and row.expires_at is not None:
        note_asking(session, {(row.study_id, row.worker): row.expires_at})
    row.state = LeaseState.CANCELLED


def losses_of(session: Session, study_id: str, number: int) -> Losses:
    """The losses reported of a trial, step by step.

    A mean over several updates counts as the loss of each of them.
    """
    return _losses_of(session, study_id, [number])[number]


def losses_of_leases(
    session: Session, leases: Iterable[LiveLease]
) -> dict[tuple[str, int], Losses]:
    """The losses reported of the trials of leases, by study and number: see `losses_of`."""
    numbers: dict[str, list[int]] = {}
    for lease in leases:
        numbers.setdefault(lease.study_id, []).append(lease.number)
    return {
        (study_id, number): losses
        for study_id, of_study in numbers.items()
        for number, losses in _losses_of(session, study_id, of_study).items()
    }


def _losses_of(session: Session, study_id: str, numbers: Sequence[int]) -> dict[int, Losses]:
    given = {"of_study": study_id, "numbers": numbers}
    reported: dict[int, list[_Reported]] = {number: [] for number in numbers}
    for row in connection_of(session).execute(_REPORTED, given):
        reported[row.number].append(row)
    return {number: _joined(rows) for number, rows in reported.items()}


def _joined(reports: Iterable[_Reported]) -> Losses:
    """The losses of one trial's reports, in their order."""
    pieces, validation, is_whole = [], [], True
    for _, first, last, packed, validated in reports:
        losses = np.frombuffer(packed, VALUE)
        is_whole = is_whole and losses.size > 0  # what comes after a gap has no place
        if is_whole:
            pieces.append(np.repeat(losses, (last - first + 1) // losses.size))
        if validated is not None:
            validation.append((int(last), float(validated)))
    train = np.concatenate(pieces) if pieces else np.zeros(0, VALUE)
    return Losses(train, tuple(validation))


def forget_ended(session: Session, now: dt.datetime) -> None:
    """Delete losses of trials that have ended, and trainers that are long gone."""
    ended: Any = exists().where(
        and_(
            TrialRow.study_id == LeaseReportRow.study_id,
            TrialRow.number == LeaseReportRow.number,
            TrialRow.state.in_(FINAL_TRIAL_STATES),
        )
    )
    session.execute(delete(LeaseReportRow).where(ended))
    session.execute(delete(TrainerRow).where(TrainerRow.asks_until < now - FORGET))
