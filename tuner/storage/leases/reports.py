"""Store what trainers report about leased trials: many reports in one transaction.

A report costs one row and one change of a row. What it means for the study is told by the
engine at the trial's next rung, so that a thousand a second do not reach the coordinator.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from tuner.engine.series import LARGEST, VALUE
from tuner.records.errors import LeaseLost, OrderNotFound, ReportRefused, TunerError
from tuner.spec.states import OrderState, StudyState
from tuner.storage.leases.leasing import ASK_SECONDS, note_asking
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.lease_tables import LeaseReportRow, LeaseRow
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.sql.text import storable


@dataclass(slots=True)
class _Lease:
    """A lease while its reports are worked into it."""

    study_id: str
    number: int
    order_id: str
    attempt: int
    state: str
    worker: str | None
    ttl_seconds: int
    rungs: list[int]
    needs_validation: bool
    step: int
    validated_step: int
    diverged: bool
    failure: str | None
    checkpoint_step: int | None
    checkpoint: str | None
    expires_at: dt.datetime | None
    order_state: str
    study_state: str
    study_owner: str
    is_changed: bool = False


_LEASES: Final = cast("Table", LeaseRow.__table__)
_CHANGING: Final = (
    "state",
    "step",
    "validated_step",
    "diverged",
    "failure",
    "checkpoint_step",
    "checkpoint",
    "expires_at",
)
_READ: Final = tuple(_Lease.__dataclass_fields__)[:-4]
_OF_ORDERS: Final = (
    select(
        *(_LEASES.columns[name] for name in _READ),
        OrderRow.state.label("order_state"),
        StudyRow.state.label("study_state"),
        StudyRow.owner.label("study_owner"),
    )
    .join(OrderRow, OrderRow.id == LeaseRow.order_id)
    .join(StudyRow, StudyRow.id == LeaseRow.study_id)
    .where(LeaseRow.order_id.in_(bindparam("order_ids", expanding=True)))
)
_KNOWN: Final = (
    select(OrderRow.id, StudyRow.owner)
    .join(StudyRow, StudyRow.id == OrderRow.study_id)
    .where(OrderRow.id.in_(bindparam("order_ids", expanding=True)))
)
_CHANGE: Final = (
    update(_LEASES)
    .where(LeaseRow.study_id == bindparam("of_study"), LeaseRow.number == bindparam("of_number"))
    .values(
        {name: bindparam(f"new_{name}", type_=_LEASES.columns[name].type) for name in _CHANGING}
    )
)
_INSERT: Final = insert(cast("Table", LeaseReportRow.__table__))


def store_reports(
    session: Session, reports: Sequence[TrainerReport], now: dt.datetime
) -> list[ReportAnswer | TunerError]:
    """Store reports of any trials; one that is stored already changes nothing.

    Returns:
        For each the answer, or the error that its sender gets; an error keeps no other back.

    """
    connection = connection_of(session)
    ids = sorted({report.order_id for report in reports})
    rows = connection.execute(_OF_ORDERS, {"order_ids": ids}).mappings()
    leases = {row["order_id"]: _Lease(**row) for row in rows}
    missing = [order_id for order_id in ids if order_id not in leases]
    known: dict[str, str] = {}
    if missing:
        known = {row.id: row.owner for row in connection.execute(_KNOWN, {"order_ids": missing})}
    answers: list[ReportAnswer | TunerError] = []
    inserted: list[dict[str, Any]] = []
    for report in reports:
        try:
            lease = _lease_of(report, leases, known)
            answers.append(_take(lease, report, now, inserted))
        except TunerError as error:
            answers.append(error)
    if inserted:
        connection.execute(_INSERT, inserted)
    if changed := [_changes(lease) for lease in leases.values() if lease.is_changed]:
        connection.execute(_CHANGE, changed)
    _ask_for_those_that_stop(session, leases, now)
    return answers


def _lease_of(
    report: TrainerReport, leases: Mapping[str, _Lease], known: Mapping[str, str]
) -> _Lease:
    """The lease that a report is about; `known` has the owners of orders without one."""
    lease = leases.get(report.order_id)
    owner = known.get(report.order_id) if lease is None else lease.study_owner
    if report.owner not in (None, owner):
        raise OrderNotFound(report.order_id)
    if lease is None:
        if report.order_id in known:  # its trial has another order by now
            raise LeaseLost(report.order_id, report.attempt)
        raise OrderNotFound(report.order_id)
    if lease.attempt != report.attempt or lease.state in (LeaseState.LOST, LeaseState.OFFERED):
        raise LeaseLost(report.order_id, report.attempt)
    return lease


def _take(
    lease: _Lease, report: TrainerReport, now: dt.datetime, inserted: list[dict[str, Any]]
) -> ReportAnswer:
    """Work one report into its lease."""
    if lease.state in (LeaseState.FINISHED, LeaseState.CLOSED):
        return _stop(lease, _why_finished(lease))
    if lease.state == LeaseState.LEASED:
        lease.expires_at = now + dt.timedelta(seconds=lease.ttl_seconds)
        lease.is_changed = True
    if report.step > lease.step or report.diverged or report.failed is not None:
        _advance(lease, report, inserted)
    if lease.order_state != OrderState.OPEN or lease.state == LeaseState.CANCELLED:
        paused = lease.study_state == StudyState.PAUSED
        return _stop(lease, "paused" if paused else "cancelled")
    if lease.diverged or lease.failure is not None or lease.step >= lease.rungs[-1]:
        lease.state = LeaseState.FINISHED
        return _stop(lease, _why_finished(lease))
    return ReportAnswer(answer="continue", step=lease.step, expires_at=lease.expires_at)


def _stop(lease: _Lease, reason: str) -> ReportAnswer:
    return ReportAnswer(answer="stop", reason=reason, step=lease.step)


def _why_finished(lease: _Lease) -> str:
    if lease.failure is not None:
        return "failed"
    return "diverged" if lease.diverged else "done"


def _advance(lease: _Lease, report: TrainerReport, inserted: list[dict[str, Any]]) -> None:
    """Add what is new in the report: updates beyond those that are known."""
    known = lease.step
    _require_order(lease, report)
    each, losses = _spread(lease, report)
    _require_losses(lease, report, losses)
    finite = next((at for at, loss in enumerate(losses) if loss is None), len(losses))
    broke_down = finite < len(losses) or report.diverged
    last = known + each * finite if finite < len(losses) else max(known, report.step)
    validated = report.validation_loss if report.step > known and not broke_down else None
    if last > known:
        inserted.append(
            {
                "study_id": lease.study_id,
                "number": lease.number,
                "first_step": known + 1,
                "step": last,
                "losses": _packed(losses[:finite]),
                "validation_loss": validated,
            }
        )
    lease.is_changed = True
    lease.step = max(last, known + each * (finite + 1)) if finite < len(losses) else last
    lease.diverged = lease.diverged or broke_down
    lease.failure = storable(report.failed)
    if validated is not None:
        lease.validated_step = report.step
    if report.checkpoint is not None and not broke_down:
        lease.checkpoint_step, lease.checkpoint = report.step, storable(report.checkpoint)


def _require_order(lease: _Lease, report: TrainerReport) -> None:
    goal = lease.rungs[-1]
    if report.step > goal:
        raise ReportRefused("step", f"{report.step} is beyond the trial's last step, {goal}")
    if not lease.needs_validation or report.diverged or report.failed is not None:
        return
    within = [rung for rung in lease.rungs if lease.step < rung <= report.step]
    if within and within[0] < report.step:
        raise ReportRefused(
            "step",
            f"{report.step} is beyond rung {within[0]}, where the validation loss is compared:"
            f" report step {within[0]} with its validation loss first",
        )
    if within and report.validation_loss is None and None not in report.train_loss:
        raise ReportRefused(
            "validation_loss",
            f"required at step {within[0]}: the study's trials are compared by it there",
        )


def _spread(lease: _Lease, report: TrainerReport) -> tuple[int, tuple[float | None, ...]]:
    """(Updates for each loss, losses) of the updates since the last report."""
    losses, updates = report.train_loss, max(0, report.step - lease.step)
    if len(losses) >= updates:  # those before are known: it trained them once more
        return 1, losses[len(losses) - updates :]
    if not losses:
        silent = lease.needs_validation or report.diverged or report.failed is not None
        if silent:
            return updates, ()
        raise ReportRefused(
            "train_loss",
            f"required: the losses of updates {lease.step + 1} to {report.step}, of each update or"
            " means over equally many",
        )
    if updates % len(losses):
        raise ReportRefused(
            "train_loss",
            f"{len(losses)} losses cannot stand for equally many of the {updates} updates"
            f" {lease.step + 1} to {report.step}: send one for each update, or means over equally"
            " many",
        )
    return updates // len(losses), losses


def _require_losses(lease: _Lease, report: TrainerReport, losses: Sequence[float | None]) -> None:
    """Trials are compared by the logarithm of a loss, so that it has to be positive."""
    remedy = "trials are compared by its logarithm; report a loss that is bounded by 0, such as"
    remedy += " cross-entropy"
    if lease.needs_validation:
        value = report.validation_loss
        if value is not None and value <= 0:
            raise ReportRefused("validation_loss", f"{value:g} is not positive: {remedy}")
        return
    for loss in losses:
        if loss is not None and loss < 0:
            raise ReportRefused("train_loss", f"{loss:g} is negative: {remedy}")


def _packed(losses: Sequence[float | None]) -> bytes:
    return np.array(losses, np.float64).clip(-LARGEST, LARGEST).astype(VALUE).tobytes()


def _changes(lease: _Lease) -> dict[str, Any]:
    changes = {f"new_{name}": getattr(lease, name) for name in _CHANGING}
    return changes | {"of_study": lease.study_id, "of_number": lease.number}


def _ask_for_those_that_stop(
    session: Session, leases: Mapping[str, _Lease], now: dt.datetime
) -> None:
    """Count trainers that have finished a trial as asking: their next one is then on offer soon."""
    until = now + dt.timedelta(seconds=ASK_SECONDS)
    stopped = {
        (lease.study_id, lease.worker): until
        for lease in leases.values()
        if lease.is_changed and lease.state == LeaseState.FINISHED and lease.worker is not None
    }
    note_asking(session, stopped)
