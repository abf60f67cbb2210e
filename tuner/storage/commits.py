"""Commit the coordinator's decisions, and the engine's reports about its orders."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Table, bindparam, func, insert, select
from sqlalchemy.orm import Session

from tuner.engine.checkpoints import checkpoint_uri
from tuner.engine.orders import AnyOrder, DynamicsOrder, OrderId, ProbeOrder, TrainOrder
from tuner.engine.reports import Done, Failed, Lost, Reached, Report, TrialProgress
from tuner.records.decision import Decision
from tuner.records.errors import OrderUnreadable, StudyMoved
from tuner.records.snapshot import StudyRecord
from tuner.records.trials import NewTrial
from tuner.spec.states import OrderState, StateReason, StudyState, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.order_results import (
    store_no_dynamics,
    store_packing,
    store_results,
    store_trials,
)
from tuner.storage.orders import (
    close_order,
    fail_order,
    fail_unreadable_orders,
    finish_orders,
    insert_orders,
    open_attempts,
    open_rows,
    order_of,
    reissue,
)
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import OrderRow, StudyRow, TrialRow
from tuner.storage.studies import move_study, park_study
from tuner.storage.trials.restarting import restart_trials
from tuner.storage.trials.rows import end_trial, start_trials, unfinished_trials
from tuner.storage.trials.trial_counts import facts_of_new, note_changes, note_read
from tuner.storage.trials.trial_reports import store_progress

DEATHS_TO_GIVE_UP: Final = 4
"""An order is given up when the worker running it has died for the fourth time. Before that its
trials are tried one by one: together they may have been too much for the machine."""

_Trained: TypeAlias = tuple[TrainOrder, Reached | Done]
"""An order as it was started, and a report about its trials."""

_STUDY = select(StudyRow.version, StudyRow.counts).where(StudyRow.id == bindparam("id"))
_HIGHEST_NUMBER = select(func.max(TrialRow.number)).where(
    TrialRow.study_id == bindparam("of_study")
)
_INSERT_TRIALS = insert(cast("Table", TrialRow.__table__))


def commit_decision(session: Session, study: StudyRecord, decision: Decision) -> None:
    """Store what was decided about a study: trials, endings, orders, then the move.

    Raises:
        StudyMoved: if the study, or a trial that is to end, changed since it was read.

    """
    stored = connection_of(session).execute(_STUDY, {"id": study.id}).one_or_none()
    if stored is None or stored.version != study.version:
        raise StudyMoved(study.id)
    note_read(session, study.id, stored.counts)
    _insert_trials(session, study.id, decision.new_trials)
    concerned = {ending.number for ending in decision.endings}
    concerned |= {promotion.number for promotion in decision.promotions}
    rows = {row.number: row for row in unfinished_trials(session, study.id, concerned)}
    if rows.keys() != concerned:
        raise StudyMoved(study.id)
    for promotion in decision.promotions:
        rows[promotion.number].system_attrs = promotion.system_attrs
    for ending in decision.endings:
        row = rows[ending.number]
        end_trial(session, row, ending.state, reason=ending.reason, message=ending.message)
    insert_orders(session, decision.orders)
    trained = {
        trial.spec.number: trial.start
        for order in decision.orders
        if isinstance(order, TrainOrder)
        for trial in order.trials
    }
    go_on = all(start is not None for start in trained.values())
    if trained and start_trials(session, study.id, trained, go_on=go_on) != len(trained):
        raise StudyMoved(study.id)
    if decision.move_to is not None:
        _move(session, study, decision.move_to, decision.reason)


def record_reports(
    session: Session, reports: Iterable[Report], started: Mapping[OrderId, AnyOrder]
) -> tuple[str, ...]:
    """Store reports; see `record_report`.

    Args:
        started: orders as they were started, by id; an order that is among them need not be read.

    Returns:
        URIs of checkpoints that are no longer needed once this is committed.

    """
    stale: list[str] = []
    pairs = ((started.get(report.order_id), report) for report in reports)
    for is_training, some in groupby(pairs, key=lambda pair: _is_training(*pair)):
        if is_training:
            stale += _record_training(session, cast("Iterable[_Trained]", some))
        else:
            for _, report in some:
                stale += record_report(session, report)
    return tuple(stale)


def _is_training(order: AnyOrder | None, report: Report) -> bool:
    """True if the report is about the trials of a known training order, at its current attempt."""
    is_known = isinstance(order, TrainOrder) and order.attempt == report.attempt
    return is_known and isinstance(report, Reached | Done)


def _record_training(session: Session, reports: Iterable[_Trained]) -> list[str]:
    """Store reports of trials with as many statements as for one."""
    told = list(reports)
    attempts = open_attempts(session, {order.id for order, _ in told})
    done: list[OrderId] = []
    goals: dict[str, dict[int, int]] = {}
    progress: dict[str, list[TrialProgress]] = {}
    for order, report in told:
        if attempts.get(order.id) != report.attempt:
            continue
        if isinstance(report, Done):  # what comes after it is not heard
            done.append(order.id)
            del attempts[order.id]
        of_order = {trial.spec.number: trial.spec.training.steps for trial in order.trials}
        goals.setdefault(order.study_id, {}).update(of_order)
        progress.setdefault(order.study_id, []).extend(
            trial for trial in report.trials if trial.number in of_order
        )
    finish_orders(session, done)
    stale: list[str] = []
    for study_id in goals:
        stale += store_progress(session, study_id, goals[study_id], progress[study_id])
    return stale


def record_report(session: Session, report: Report) -> tuple[str, ...]:
    """Store a report; one that is stored already, or of an order's old attempt, changes nothing.

    Returns:
        URIs of checkpoints that are no longer needed once this is committed.

    """
    row = session.get(OrderRow, report.order_id)
    if row is None or row.state != OrderState.OPEN or row.attempt != report.attempt:
        return ()
    try:
        order = order_of(row)
    except OrderUnreadable:
        fail_unreadable_orders(session, row.study_id)
        return ()
    match report:
        case Reached():
            return store_trials(session, order, report)
        case Done():
            close_order(row, OrderState.DONE)
            return store_results(session, order, report)
        case Failed():
            if report.checkpoint is not None:
                _begin_again(session, row, order, report.message, report.checkpoint)
            else:
                _give_up(session, row, report.reason, report.message)
        case Lost():
            _count_loss(session, row, report)
    session.flush()  # the next report's order is looked up past the session's objects
    return ()


def reopen_orders(session: Session, kept: Collection[OrderId] = ()) -> None:
    """Prepare every open order for an engine that has just started.

    Args:
        kept: orders that go on running in it: trainers do not end with the coordinator.

    """
    fail_unreadable_orders(session)
    for row in open_rows(session):
        if row.id not in kept:
            reissue(session, row)


def preempt_orders(session: Session, order_ids: Collection[OrderId]) -> None:
    """Leave open orders to be started again later, from what their trials have stored."""
    for order_id in sorted(order_ids):
        row = session.get(OrderRow, order_id)
        if row is None or row.state != OrderState.OPEN:
            continue
        reissue(session, row)
        data = {"order_id": row.id, "kind": row.kind, "attempt": row.attempt}
        write_event(session, row.study_id, EventKind.ORDER_PREEMPTED, data)


def _insert_trials(session: Session, study_id: str, trials: Sequence[NewTrial]) -> None:
    if not trials:
        return
    connection = connection_of(session)
    highest = connection.scalar(_HIGHEST_NUMBER, {"of_study": study_id})
    first = 0 if highest is None else highest + 1
    now = dt.datetime.now(dt.UTC)
    every: dict[str, Any] = {
        "study_id": study_id,
        "state": TrialState.WAITING,
        "intermediate_values": {},
        "step": 0,
        "created_at": now,
    }
    rows = [
        every | {"number": number} | trial.model_dump()
        for number, trial in enumerate(trials, first)
    ]
    connection.execute(_INSERT_TRIALS, rows)
    note_changes(session, study_id, [(None, facts_of_new(trial)) for trial in trials])


def _move(session: Session, study: StudyRecord, to: StudyState, reason: str | None) -> None:
    if study.state is StudyState.CHECKING and to in (StudyState.SEARCHING, StudyState.COMPLETED):
        write_event(session, study.id, EventKind.CHECK_FINISHED, {"summary": reason})
    move_study(session, study.id, to, reason=reason)


def _count_loss(session: Session, row: OrderRow, report: Lost) -> None:
    row.losses += not report.is_of_slot
    write_event(
        session,
        row.study_id,
        EventKind.ORDER_LOST,
        {
            "order_id": row.id,
            "kind": row.kind,
            "attempt": row.attempt,
            "losses": row.losses,
            "message": report.message,
        },
    )
    if row.losses < DEATHS_TO_GIVE_UP:
        # As before at first, so that killed workers change no bit of what is trained.
        reissue(session, row, alone=row.losses == DEATHS_TO_GIVE_UP - 1)
        return
    what = "trial" if row.kind == "train" else "order"
    words = (
        f"the worker running this {what} died {row.losses} times, the last time: {report.message}"
    )
    _give_up(session, row, StateReason.WORKER_LOST, words)


def _begin_again(
    session: Session, row: OrderRow, order: AnyOrder, message: str, checkpoint: str
) -> None:
    """End an order that has lost a checkpoint; its trial begins again, the others go on."""
    close_order(row, OrderState.FAILED, message)
    numbers = {trial.spec.number for trial in order.trials} if isinstance(order, TrainOrder) else ()
    lost = [
        trial
        for trial in unfinished_trials(session, row.study_id, numbers)
        if trial.checkpoint is not None and checkpoint_uri(trial.checkpoint) == checkpoint
    ]
    restart_trials(session, row.study_id, lost, message)
    # Ids of orders contain the study's version and are given once: its first order's is to be new.
    study = session.get_one(StudyRow, row.study_id)
    study.version += 1
    study.updated_at = dt.datetime.now(dt.UTC)


def _give_up(session: Session, row: OrderRow, reason: StateReason, message: str) -> None:
    """Fail an order with its trials, or with its study if that cannot go on without it.

    If a plugin or the task's code has changed since the study was made, the study is paused.
    """
    fail_order(session, row, reason, message)
    if reason is StateReason.CHANGED:
        park_study(session, row.study_id, message)
        return
    order = order_of(row)
    if isinstance(order, ProbeOrder):
        store_packing(session, order)  # slower, but no reason to give up the study
        return
    if isinstance(order, DynamicsOrder):
        store_no_dynamics(session, order, f"{reason}: {message}")
        return
    if not isinstance(order, TrainOrder):
        words = f"the study's {order.kind} order failed ({reason}): {message}"
        move_study(session, row.study_id, StudyState.FAILED, reason=words)
        return
    numbers = {trial.spec.number for trial in order.trials}
    for trial in unfinished_trials(session, row.study_id, numbers):
        end_trial(session, trial, TrialState.FAIL, reason=reason, message=message)
