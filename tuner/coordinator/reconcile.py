"""Coordinate the studies: read what is stored, decide, commit, start, wait, store the reports.

The database is the only truth: an open order that no slot runs is started, a slot that runs an
order which is no longer open is stopped. What is remembered from turn to turn only saves reading
it again. Killing the process between any two lines loses no finished trial.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice

import structlog

from tuner.coordinator.changed_studies import park_changed
from tuner.coordinator.checkpoint_cleanup import sweep_checkpoints
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.coordinator.leadership import Leadership, begin_epoch
from tuner.coordinator.memory import Memory
from tuner.decisions.allocation import allocate, free_slots
from tuner.decisions.plan import next_decision, wanted_orders
from tuner.engine.checkpoints import CheckpointStore
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.protocol import Engine
from tuner.engine.reports import Report
from tuner.engine.slots import Capacity, capacity_of
from tuner.records.decision import Decision
from tuner.records.errors import (
    LeadershipLost,
    OrderUnreadable,
    StorageUnavailable,
    StudyMoved,
    StudyUnreadable,
)
from tuner.records.snapshot import ActiveStudy, StudySnapshot
from tuner.spec.states import ACTIVE_STUDY_STATES, StudyState
from tuner.storage.commits import commit_decision, record_reports, reopen_orders
from tuner.storage.heartbeats import beat
from tuner.storage.orders import fail_unreadable_orders, open_order_ids, read_order
from tuner.storage.sql.database import Database
from tuner.storage.studies import (
    active_studies,
    move_study,
    park_studies,
    park_study,
)
from tuner.storage.trials.trial_counts import forget_counts

WAIT_SECONDS = 0.25
BEAT_SECONDS = 2.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def run(
    database: Database,
    leadership: Leadership,
    build_engine: Callable[[Database], Engine],
    should_stop: Callable[[], bool],
    checkpoints: CheckpointStore,
) -> None:
    """Coordinate until told to stop.

    Args:
        build_engine: over the database of the coordinator that leads.

    Raises:
        LeadershipLost: if another coordinator may have taken over.

    Where the database cannot be written (full, read-only, gone), everything in flight is given
    up and, once it can be written again, resumed from the last stored rung: as after a crash.
    """
    leading: Database | None = None
    while not should_stop():
        try:
            leading = leading or begin_epoch(leadership, database)
            with closing(build_engine(leading)) as engine:
                _lead(leading, leadership, engine, should_stop, checkpoints)
        except StorageUnavailable as error:
            log.error("storage unavailable; retrying", problem=str(error))
            _report_problem(leading or database, str(error))
            time.sleep(RETRY_SECONDS)


def _lead(
    database: Database,
    leadership: Leadership,
    engine: Engine,
    should_stop: Callable[[], bool],
    checkpoints: CheckpointStore,
) -> None:
    kept = {slot.busy_with for slot in engine.slots() if slot.busy_with is not None}
    with database.write() as session:
        park_studies(session)
        reopen_orders(session, kept)
        forget_counts(session, ACTIVE_STUDY_STATES)
    last_beat, memory, evidence = -BEAT_SECONDS, Memory(), EvidenceRefresh(database)
    while not should_stop():
        if time.monotonic() - last_beat >= BEAT_SECONDS:
            last_beat = time.monotonic()
            leadership.renew()
            _beat(database, engine)
            park_changed(database)
            sweep_checkpoints(database, checkpoints)
        tick(database, engine, memory=memory, checkpoints=checkpoints)
        evidence.turn()


def tick(
    database: Database,
    engine: Engine,
    wait_seconds: float = WAIT_SECONDS,
    *,
    memory: Memory | None = None,
    checkpoints: CheckpointStore | None = None,
) -> None:
    """One turn of the coordinator.

    Safe to repeat at any point: orders are committed before they start, starting an order twice
    starts it once, and storing a report that is already there changes nothing.

    Args:
        memory: of the turns before, with the same database.
        checkpoints: where to delete those that nobody goes on from; None keeps them.

    """
    memory = memory or Memory()
    with database.read() as session:
        stored, studies = open_order_ids(session), active_studies(session)
    memory.keep(studies)
    _agree_with_engine(database, engine, stored, studies)
    _start_orders(database, engine, memory, studies)
    reports = engine.wait(wait_seconds)  # no transaction is open while a device works
    if reports:
        _store(database, reports, memory, checkpoints)


def _agree_with_engine(
    database: Database,
    engine: Engine,
    stored: Mapping[OrderId, str],
    studies: Iterable[ActiveStudy],
) -> None:
    """Make the slots run the open orders and nothing else."""
    running = {slot.busy_with for slot in engine.slots() if slot.busy_with is not None}
    for order_id in running.difference(stored):
        engine.cancel(order_id)
    if not stored.keys() - running:
        return
    free, slots_of = free_slots(engine.slots()), {study.id: study.slots_of for study in studies}
    idle: list[OrderId] = []
    for order_id, study_id in stored.items():
        if order_id not in running and free[slots_of.get(study_id)]:
            free[slots_of.get(study_id)] -= 1
            idle.append(order_id)
    if idle:
        for order in _read_orders(database, idle):
            engine.start(order)


def _read_orders(database: Database, order_ids: list[OrderId]) -> list[AnyOrder]:
    """Read orders; none, for this turn, if one of them cannot be read and is failed for that."""
    try:
        with database.read() as session:
            return [read_order(session, order_id) for order_id in order_ids]
    except OrderUnreadable as error:
        _set_aside(database, error)
        return []


def _set_aside(database: Database, error: StudyUnreadable | OrderUnreadable) -> None:
    """Fail orders and pause studies that cannot be read, so that the others go on."""
    log.error("unreadable", problem=str(error))
    with database.write() as session:
        if isinstance(error, OrderUnreadable):
            fail_unreadable_orders(session, error.study_id)
        else:
            park_study(session, error.study_id, error.reason)


def _start_orders(
    database: Database, engine: Engine, memory: Memory, studies: tuple[ActiveStudy, ...]
) -> None:
    """Store what is due about the active studies and start orders on the free slots."""
    slots = engine.slots()
    capacity, free = capacity_of(slots), free_slots(slots)
    snapshots: dict[str, StudySnapshot] = {}
    wanted: dict[str, tuple[AnyOrder, ...]] = {}
    room: dict[str, int] = {}
    for study in studies:
        left = free[study.slots_of]
        # Whatever else is due follows a report, which frees a slot; a trainer may leave with it.
        if memory.waits(study.id, capacity) or not (left or study.is_external):
            continue
        with _defects_fail(database, memory, study.id):
            snapshots[study.id] = _decided(database, memory, study.id, capacity)
            # Orders are made as they are asked for: no more than could start.
            orders = tuple(islice(wanted_orders(snapshots[study.id]), left))
            free[study.slots_of] -= len(orders)
            wanted[study.id], room[study.id] = orders, left
    chosen = allocate(wanted, slots, studies)
    for study_id, orders in wanted.items():
        starting = tuple(order for order in chosen if order.study_id == study_id)
        with _defects_fail(database, memory, study_id):
            _store_and_start(database, engine, memory, snapshots[study_id], starting)
            if starting == orders and len(orders) < room[study_id]:
                memory.note_waiting(study_id, capacity)


def _decided(
    database: Database, memory: Memory, study_id: str, capacity: Capacity
) -> StudySnapshot:
    """Store everything that is due about a study, orders apart; the study after that."""
    while True:
        snapshot = memory.snapshot(database, study_id, capacity)
        decision = next_decision(snapshot, memory.searches(study_id))
        if decision.is_empty:
            return snapshot
        _store_decision(database, memory, snapshot, decision)


def _store_and_start(
    database: Database,
    engine: Engine,
    memory: Memory,
    snapshot: StudySnapshot,
    orders: tuple[AnyOrder, ...],
) -> None:
    if orders:
        _store_decision(database, memory, snapshot, Decision(orders=orders))
    for order in orders:
        engine.start(order)


def _store_decision(
    database: Database, memory: Memory, snapshot: StudySnapshot, decision: Decision
) -> None:
    with database.write() as session:
        commit_decision(session, snapshot.study, decision)
    memory.decided(snapshot.study.id, decision)


@contextmanager
def _defects_fail(database: Database, memory: Memory, study_id: str) -> Iterator[None]:
    """Fail the study whose decision raises, so that one study's defect does not stop the others."""
    try:
        yield
    except StudyMoved:  # somebody paused or cancelled it meanwhile; the next turn sees that
        memory.forget(study_id)
    except (StudyUnreadable, OrderUnreadable) as error:
        memory.forget(study_id)
        _set_aside(database, error)
    except (StorageUnavailable, LeadershipLost, OSError):
        raise
    except Exception:
        log.exception("decision failed", study=study_id)
        memory.forget(study_id)
        with database.write() as session:
            move_study(
                session,
                study_id,
                StudyState.FAILED,
                reason="internal error while deciding what to run next; the coordinator's log"
                " has the details",
            )


def _store(
    database: Database,
    reports: list[Report],
    memory: Memory,
    checkpoints: CheckpointStore | None,
) -> None:
    started = memory.started(report.order_id for report in reports)
    with database.write() as session:
        stale = record_reports(session, reports, started)
    for report in reports:
        memory.reported(report)
    # Only now, with the newer state committed, may the older one go.
    if checkpoints is not None:
        for uri in stale:
            checkpoints.delete(uri)


def _beat(database: Database, engine: Engine) -> None:
    with database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        for slot in engine.slots():
            if slot.study_id is None:  # trainers' own requests tell when they were last heard of
                beat(session, slot.name, slot.device, slot.busy_with, None)


def _report_problem(database: Database, problem: str) -> None:
    """Say in the database what is wrong with it, if it still takes an update in place."""
    try:
        with database.write() as session:
            beat(session, "tuner", "coordinator", None, problem)
    except StorageUnavailable as error:
        log.error("the problem could not be stored either", problem=str(error))
