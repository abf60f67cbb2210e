"""Coordinate the studies: read what is stored, decide, commit, start, wait, store the reports.

The database is the only truth: an open order that no slot runs is started, a slot that runs an
order which is no longer open is stopped. All that is remembered from turn to turn is which studies
need not be read again. Killing the process between any two lines loses no finished trial.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import structlog

from tuner.coordinator.checkpoint_cleanup import sweep_checkpoints
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.coordinator.leadership import Leadership, begin_epoch
from tuner.coordinator.waiting_studies import Settled
from tuner.decisions.allocation import allocate
from tuner.decisions.plan import next_decision, wanted_orders
from tuner.engine.checkpoints import CheckpointStore
from tuner.engine.packing import Capacity, capacity_of
from tuner.engine.protocol import AnyOrder, Engine, Report
from tuner.records.errors import LeadershipLost, StorageUnavailable, StudyMoved
from tuner.records.snapshot import ActiveStudy, Decision, StudyRecord, StudySnapshot
from tuner.spec.states import StudyState
from tuner.storage.commits import commit_decision, record_report, reopen_orders
from tuner.storage.database import Database
from tuner.storage.heartbeats import beat
from tuner.storage.orders import open_order_ids, read_order
from tuner.storage.studies import (
    ACTIVE_STATES,
    active_studies,
    move_study,
    park_studies,
    read_for_decision,
)
from tuner.storage.trial_counts import forget_counts

WAIT_SECONDS = 0.25
BEAT_SECONDS = 2.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def run(
    database: Database,
    leadership: Leadership,
    build_engine: Callable[[], Engine],
    should_stop: Callable[[], bool],
    checkpoints: CheckpointStore,
) -> None:
    """Coordinate until told to stop.

    Raises:
        LeadershipLost: if another coordinator may have taken over.

    Where the database cannot be written (full, read-only, gone), everything in flight is given
    up and, once it can be written again, resumed from the last stored rung: as after a crash.
    """
    leading: Database | None = None
    while not should_stop():
        engine = build_engine()
        try:
            leading = leading or begin_epoch(leadership, database)
            _lead(leading, leadership, engine, should_stop, checkpoints)
        except StorageUnavailable as error:
            log.error("storage unavailable; retrying", problem=str(error))
            _report_problem(leading or database, str(error))
            time.sleep(RETRY_SECONDS)
        finally:
            engine.close()


def _lead(
    database: Database,
    leadership: Leadership,
    engine: Engine,
    should_stop: Callable[[], bool],
    checkpoints: CheckpointStore,
) -> None:
    with database.write() as session:
        park_studies(session)
        reopen_orders(session)
        forget_counts(session, ACTIVE_STATES)
    last_beat, settled, evidence = -BEAT_SECONDS, Settled(), EvidenceRefresh(database)
    while not should_stop():
        if time.monotonic() - last_beat >= BEAT_SECONDS:
            last_beat = time.monotonic()
            leadership.renew()
            _beat(database, engine)
            sweep_checkpoints(database, checkpoints)
        tick(database, engine, settled=settled, checkpoints=checkpoints)
        evidence.turn()


def tick(
    database: Database,
    engine: Engine,
    wait_seconds: float = WAIT_SECONDS,
    *,
    settled: Settled | None = None,
    checkpoints: CheckpointStore | None = None,
) -> None:
    """One turn of the coordinator.

    Safe to repeat at any point: orders are committed before they start, starting an order twice
    starts it once, and storing a report that is already there changes nothing.

    Args:
        settled: what the turns before found, if this is not the first.
        checkpoints: where to delete those that nobody goes on from; None keeps them.

    """
    settled = settled or Settled()
    _agree_with_engine(database, engine)
    _start_orders(database, engine, settled)
    reports = engine.wait(wait_seconds)  # no transaction is open while a device works
    if reports:
        settled.forget()
        _store(database, reports, checkpoints)


def _agree_with_engine(database: Database, engine: Engine) -> None:
    """Make the slots run the open orders and nothing else."""
    with database.read() as session:
        stored = open_order_ids(session)
    running = {slot.busy_with for slot in engine.slots() if slot.busy_with is not None}
    for order_id in running.difference(stored):
        engine.cancel(order_id)
    free = sum(slot.busy_with is None for slot in engine.slots())
    idle = [order_id for order_id in stored if order_id not in running][:free]
    if idle:
        with database.read() as session:
            orders = [read_order(session, order_id) for order_id in idle]
        for order in orders:
            engine.start(order)


def _start_orders(database: Database, engine: Engine, settled: Settled) -> None:
    """Store what is due about the active studies and start orders on the free slots."""
    slots = engine.slots()
    capacity, free = capacity_of(slots), sum(slot.busy_with is None for slot in slots)
    studies = _active(database) if free else ()
    snapshots: dict[str, StudySnapshot] = {}
    wanted: dict[str, tuple[AnyOrder, ...]] = {}
    chosen: tuple[AnyOrder, ...] = ()
    for study in studies:
        if len(chosen) == free:  # whatever else is due follows a report, which frees a slot
            break
        if settled.has(study, capacity):
            continue
        with _defects_fail(database, study.id):
            snapshots[study.id] = _decided(database, study.id, capacity)
            # Orders are made as they are asked for: no more than could start.
            wanted[study.id] = tuple(islice(wanted_orders(snapshots[study.id]), free))
            chosen = allocate(wanted, slots, studies)
    for study_id, orders in wanted.items():
        starting = tuple(order for order in chosen if order.study_id == study_id)
        with _defects_fail(database, study_id):
            _commit_and_start(database, engine, snapshots[study_id].study, starting)
            if starting == orders and len(orders) < free:
                settled.add(snapshots[study_id].study, capacity)


def _active(database: Database) -> tuple[ActiveStudy, ...]:
    with database.read() as session:
        return active_studies(session)


def _decided(database: Database, study_id: str, capacity: Capacity) -> StudySnapshot:
    """Store everything that is due about a study, orders apart; the study after that."""
    while True:
        with database.read() as session:
            snapshot = read_for_decision(session, study_id, capacity)
        decision = next_decision(snapshot)
        if decision.is_empty:
            return snapshot
        with database.write() as session:
            commit_decision(session, snapshot.study, decision)


def _commit_and_start(
    database: Database, engine: Engine, study: StudyRecord, orders: tuple[AnyOrder, ...]
) -> None:
    if not orders:
        return
    with database.write() as session:
        commit_decision(session, study, Decision(orders=orders))
    for order in orders:
        engine.start(order)


@contextmanager
def _defects_fail(database: Database, study_id: str) -> Iterator[None]:
    """Fail the study whose decision raises, so that one study's defect does not stop the others."""
    try:
        yield
    except StudyMoved:  # somebody paused or cancelled it meanwhile; the next turn sees that
        return
    except (StorageUnavailable, LeadershipLost, OSError):
        raise
    except Exception:
        log.exception("decision failed", study=study_id)
        with database.write() as session:
            move_study(
                session,
                study_id,
                StudyState.FAILED,
                reason="internal error while deciding what to run next; the coordinator's log"
                " has the details",
            )


def _store(database: Database, reports: list[Report], checkpoints: CheckpointStore | None) -> None:
    stale: list[str] = []
    with database.write() as session:
        for report in reports:
            stale += record_report(session, report)
    # Only now, with the newer state committed, may the older one go.
    if checkpoints is not None:
        for uri in stale:
            checkpoints.delete(uri)


def _beat(database: Database, engine: Engine) -> None:
    with database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        for slot in engine.slots():
            beat(session, slot.name, slot.device, slot.busy_with, None)


def _report_problem(database: Database, problem: str) -> None:
    """Say in the database what is wrong with it, if it still takes an update in place."""
    try:
        with database.write() as session:
            beat(session, "tuner", "coordinator", None, problem)
    except StorageUnavailable as error:
        log.error("the problem could not be stored either", problem=str(error))
