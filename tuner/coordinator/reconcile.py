"""The coordinator: reads what is stored, decides, commits, starts, waits, stores the reports.

The database is the only truth: an open order that no slot runs is started, a slot that runs an
order which is no longer open is stopped. All that is remembered from turn to turn is which studies
need not be read again. Killing the process between any two lines loses no finished trial.
"""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from tuner.coordinator.checkpoint_cleanup import sweep_checkpoints
from tuner.coordinator.leadership import Leadership
from tuner.coordinator.waiting_studies import Settled
from tuner.decisions.plan import next_decision
from tuner.engine.protocol import Engine, Report
from tuner.records.errors import StorageUnavailable, StudyMoved
from tuner.spec.states import StudyState
from tuner.storage.commits import commit_decision, record_report, reopen_orders
from tuner.storage.database import Database
from tuner.storage.heartbeats import beat
from tuner.storage.orders import open_order_ids, read_order
from tuner.storage.studies import (
    ActiveStudy,
    active_studies,
    move_study,
    park_studies,
    read_for_decision,
)

WAIT_SECONDS = 0.25
BEAT_SECONDS = 2.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def run(
    database: Database,
    leadership: Leadership,
    build_engine: Callable[[], Engine],
    should_stop: Callable[[], bool],
    checkpoint_dir: Path,
) -> None:
    """Coordinate until told to stop.

    Raises:
        LeadershipLost: if another coordinator may have taken over.

    Where the database cannot be written (full, read-only, gone), everything in flight is given
    up and, once it can be written again, resumed from the last stored rung: as after a crash.
    """
    while not should_stop():
        engine = build_engine()
        try:
            with database.write() as session:
                park_studies(session)
                reopen_orders(session)
            last_beat, settled = -BEAT_SECONDS, Settled()
            while not should_stop():
                if time.monotonic() - last_beat >= BEAT_SECONDS:
                    last_beat = time.monotonic()
                    leadership.renew()
                    _beat(database, engine)
                    sweep_checkpoints(database, checkpoint_dir)
                tick(database, engine, settled=settled)
        except StorageUnavailable as error:
            log.error("storage unavailable; retrying", problem=str(error))
            _report_problem(database, str(error))
            time.sleep(RETRY_SECONDS)
        finally:
            engine.close()


def tick(
    database: Database,
    engine: Engine,
    wait_seconds: float = WAIT_SECONDS,
    *,
    settled: Settled | None = None,
) -> None:
    """One turn of the coordinator.

    Safe to repeat at any point: orders are committed before they start, starting an order twice
    starts it once, and storing a report that is already there changes nothing.

    Args:
        settled: what the turns before found, if this is not the first.

    """
    settled = settled or Settled()
    free = _agree_with_engine(database, engine)
    for study in _active(database) if free else ():
        if free == 0:  # whatever else is due follows a report, which frees a slot
            break
        if not settled.has(study, len(engine.slots())):
            free -= _advance(database, engine, study.id, free, settled)
    reports = engine.wait(wait_seconds)  # no transaction is open while a device works
    if reports:
        settled.forget()
        _store(database, reports)


def _active(database: Database) -> tuple[ActiveStudy, ...]:
    with database.read() as session:
        return active_studies(session)


def _agree_with_engine(database: Database, engine: Engine) -> int:
    """Make the slots run the open orders and nothing else; the number of slots left free."""
    with database.read() as session:
        stored = open_order_ids(session)
    running = {slot.busy_with for slot in engine.slots() if slot.busy_with is not None}
    for order_id in running.difference(stored):
        engine.cancel(order_id)
    free = sum(slot.busy_with is None for slot in engine.slots())
    idle = [order_id for order_id in stored if order_id not in running]
    if idle:
        with database.read() as session:
            orders = [read_order(session, order_id) for order_id in idle[:free]]
        for order in orders:
            engine.start(order)
    return max(0, free - len(idle))


def _advance(database: Database, engine: Engine, study_id: str, free: int, settled: Settled) -> int:
    """Store and start what is due for one study; the number of slots it took."""
    taken = 0
    try:
        while True:
            with database.read() as session:
                snapshot = read_for_decision(session, study_id)
            decision = next_decision(snapshot, free - taken, len(engine.slots()))
            if decision.is_empty:
                settled.add(snapshot.study, len(engine.slots()))
                return taken
            with database.write() as session:
                commit_decision(session, snapshot.study, decision)
            for order in decision.orders:
                engine.start(order)
            taken += len(decision.orders)
            if taken == free:
                return taken
    except StudyMoved:  # somebody paused or cancelled it meanwhile; the next turn sees that
        return taken
    except (StorageUnavailable, OSError):
        raise
    except Exception:  # one study's defect must not stop the others
        log.exception("decision failed", study=study_id)
        with database.write() as session:
            move_study(
                session,
                study_id,
                StudyState.FAILED,
                reason="internal error while deciding what to run next; the coordinator's log"
                " has the details",
            )
        return taken


def _store(database: Database, reports: list[Report]) -> None:
    stale: list[str] = []
    with database.write() as session:
        for report in reports:
            stale += record_report(session, report)
    # Only now, with the newer state committed, may the older one go.
    for path in stale:
        Path(path).unlink(missing_ok=True)


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
