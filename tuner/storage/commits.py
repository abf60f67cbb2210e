"""What the coordinator writes: its decisions, and what the engine reports about its orders."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from parametrization.shapes.roles import ModelShape
from tuner.engine.packing import packing_key
from tuner.engine.protocol import (
    SOLO,
    AnyOrder,
    CheckOrder,
    CoordinateStatistic,
    DescribeOrder,
    Done,
    Failed,
    Lost,
    Packing,
    ProbeOrder,
    Reached,
    TrainOrder,
)
from tuner.records.errors import StudyMoved
from tuner.records.snapshot import Decision, NewTrial, StudyRecord
from tuner.spec.states import OrderState, StateReason, StudyState, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.orders import close_order, insert_orders, open_rows, order_of, reissue
from tuner.storage.studies import move_study
from tuner.storage.tables import CoordinateCheckRow, OrderRow, StudyRow, TrialRow
from tuner.storage.trial_counts import facts_of, note_changes
from tuner.storage.trial_reports import store_progress
from tuner.storage.trials import end_trial, unfinished_trials

LOSSES_ALLOWED: Final = 3
"""The third time that whoever ran an order is lost, the order is given up."""

_SHAPE = TypeAdapter(ModelShape)


def commit_decision(session: Session, study: StudyRecord, decision: Decision) -> None:
    """Store what was decided about a study: trials, endings, orders, then the move.

    Raises:
        StudyMoved: if the study, or a trial that is to end, changed since it was read.

    """
    row = session.get(StudyRow, study.id)
    if row is None or row.version != study.version:
        raise StudyMoved(study.id)
    _insert_trials(session, study.id, decision.new_trials)
    trained = {
        trial.spec.number
        for order in decision.orders
        if isinstance(order, TrainOrder)
        for trial in order.trials
    }
    ended = {ending.number for ending in decision.endings}
    promoted = {promotion.number for promotion in decision.promotions}
    concerned = trained | ended | promoted
    rows = {row.number: row for row in unfinished_trials(session, study.id, concerned)}
    if rows.keys() != concerned:
        raise StudyMoved(study.id)
    for promotion in decision.promotions:
        rows[promotion.number].system_attrs = promotion.system_attrs
    for ending in decision.endings:
        end_trial(
            session,
            rows[ending.number],
            ending.state,
            reason=ending.reason,
            message=ending.message,
        )
    insert_orders(session, decision.orders)
    _start_trials(session, study.id, [rows[number] for number in trained])
    if decision.move_to is not None:
        _move(session, study, decision.move_to, decision.reason)


def record_report(session: Session, report: Reached | Done | Failed | Lost) -> tuple[str, ...]:
    """Store a report; one that is stored already, or of an order's old attempt, changes nothing.

    Returns:
        URIs of checkpoints that are no longer needed once this is committed.

    """
    row = session.get(OrderRow, report.order_id)
    if row is None or row.state != OrderState.OPEN or row.attempt != report.attempt:
        return ()
    order = order_of(row)
    match report:
        case Reached():
            return _store_trials(session, order, report)
        case Done():
            close_order(row, OrderState.DONE)
            return _store_results(session, order, report)
        case Failed():
            _give_up(session, row, report.reason, report.message)
        case Lost():
            _count_loss(session, row, report.message)
    return ()


def reopen_orders(session: Session) -> None:
    """Prepare every open order for an engine that has just started and knows none of them."""
    for row in open_rows(session):
        reissue(session, row)


def _insert_trials(session: Session, study_id: str, trials: Iterable[NewTrial]) -> None:
    highest = session.scalar(select(func.max(TrialRow.number)).where(TrialRow.study_id == study_id))
    first = 0 if highest is None else highest + 1
    now = dt.datetime.now(dt.UTC)
    rows = [
        TrialRow(
            study_id=study_id,
            number=number,
            state=TrialState.WAITING,
            intermediate_values={},
            step=0,
            created_at=now,
            **trial.model_dump(),
        )
        for number, trial in enumerate(trials, first)
    ]
    session.add_all(rows)
    session.flush()
    note_changes(session, study_id, [(None, facts_of(row)) for row in rows])


def _start_trials(session: Session, study_id: str, rows: Iterable[TrialRow]) -> None:
    now = dt.datetime.now(dt.UTC)
    changes = []
    for row in rows:
        before = facts_of(row)
        row.state = TrialState.RUNNING
        row.started_at = row.started_at or now
        changes.append((before, facts_of(row)))
    note_changes(session, study_id, changes)


def _move(session: Session, study: StudyRecord, to: StudyState, reason: str | None) -> None:
    if study.state is StudyState.CHECKING and to is StudyState.SEARCHING:
        write_event(session, study.id, EventKind.CHECK_FINISHED, {"summary": reason})
    move_study(session, study.id, to, reason=reason)


def _store_results(session: Session, order: AnyOrder, report: Done) -> tuple[str, ...]:
    match order:
        case DescribeOrder():
            _store_shape(session, order.study_id, report.shape)
        case CheckOrder():
            _store_statistics(session, order, report.statistics)
        case ProbeOrder():
            _store_packing(session, order, report.packing or _solo(order))
        case TrainOrder():
            return _store_trials(session, order, report)
    return ()


def _store_trials(session: Session, order: AnyOrder, report: Reached | Done) -> tuple[str, ...]:
    if not isinstance(order, TrainOrder):
        return ()
    goals = {trial.spec.number: trial.spec.training.steps for trial in order.trials}
    return store_progress(session, order.study_id, goals, report.trials)


def _store_shape(session: Session, study_id: str, shape: ModelShape | None) -> None:
    study = session.get_one(StudyRow, study_id)
    assert shape is not None, "a describe order is done when it has a shape"
    study.shape = _SHAPE.dump_python(shape, mode="json")
    study.updated_at = dt.datetime.now(dt.UTC)


def _solo(order: ProbeOrder) -> Packing:
    return SOLO.model_copy(update={"device": order.device_kind})


def _store_packing(session: Session, order: ProbeOrder, packing: Packing) -> None:
    study = session.get_one(StudyRow, order.study_id)
    optimizer, width = order.trial.optimizer, order.trial.model.width
    key = packing_key(optimizer, width, packing.device)
    study.packings = (study.packings or {}) | {key: packing.model_dump(mode="json")}
    study.updated_at = dt.datetime.now(dt.UTC)
    data = {"optimizer": optimizer, "width": width} | packing.model_dump(mode="json")
    write_event(
        session,
        order.study_id,
        EventKind.PACKING_CHOSEN,
        data | {"summary": f"{optimizer}, width {width}: {packing.words}"},
    )


def _store_statistics(
    session: Session, order: CheckOrder, statistics: Iterable[CoordinateStatistic]
) -> None:
    stored = session.execute(
        select(CoordinateCheckRow.width, CoordinateCheckRow.tensor, CoordinateCheckRow.seed).where(
            CoordinateCheckRow.study_id == order.study_id,
            CoordinateCheckRow.optimizer == order.optimizer,
        )
    )
    seen = {(width, tensor, seed) for width, tensor, seed in stored}
    for statistic in statistics:
        place = (statistic.width, statistic.tensor, statistic.seed)
        if place not in seen:
            seen.add(place)
            session.add(
                CoordinateCheckRow(
                    study_id=order.study_id, optimizer=order.optimizer, **statistic.model_dump()
                )
            )


def _count_loss(session: Session, row: OrderRow, message: str) -> None:
    row.losses += 1
    write_event(
        session,
        row.study_id,
        EventKind.ORDER_LOST,
        {
            "order_id": row.id,
            "kind": row.kind,
            "attempt": row.attempt,
            "losses": row.losses,
            "message": message,
        },
    )
    if row.losses < LOSSES_ALLOWED:
        # As before at first, so that a killed worker changes no bit of what is trained.
        reissue(session, row, alone=row.losses > 1)
        return
    words = f"whoever ran it was lost {row.losses} times, the last time: {message}"
    _give_up(session, row, StateReason.WORKER_LOST, words)


def _give_up(session: Session, row: OrderRow, reason: StateReason, message: str) -> None:
    """End an order in failure: with its trials, or, if the study cannot do without, the study."""
    close_order(row, OrderState.FAILED, message)
    data = {"order_id": row.id, "kind": row.kind, "reason": reason, "message": message}
    write_event(session, row.study_id, EventKind.ORDER_FAILED, data)
    order = order_of(row)
    if isinstance(order, ProbeOrder):
        _store_packing(session, order, _solo(order))  # slower, but no reason to give up the study
        return
    if not isinstance(order, TrainOrder):
        words = f"the study's {order.kind} order failed ({reason}): {message}"
        move_study(session, row.study_id, StudyState.FAILED, reason=words)
        return
    numbers = {trial.spec.number for trial in order.trials}
    for trial in unfinished_trials(session, row.study_id):
        if trial.number in numbers:
            end_trial(session, trial, TrialState.FAIL, reason=reason, message=message)
