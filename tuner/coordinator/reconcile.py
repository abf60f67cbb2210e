"""Coordinate the studies: read what is stored, decide, commit, start, wait, store the reports.

The database is the only truth: an open order that no slot runs is started, a slot that runs an
order which is no longer open is stopped. What is remembered from turn to turn only saves reading
it again. Killing the process between any two lines loses no finished trial.
"""

import time
from collections.abc import Callable
from contextlib import closing

import structlog

from tuner.coordinator.changed_studies import park_changed
from tuner.coordinator.checkpoint_cleanup import sweep_checkpoints
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.coordinator.leadership import Leadership, begin_epoch
from tuner.coordinator.memory import Memory
from tuner.coordinator.starting import Starting
from tuner.engine.checkpoints import CheckpointStore
from tuner.engine.protocol import Engine
from tuner.engine.reports import Report
from tuner.engine.tracing import ORDER, span
from tuner.records.errors import StorageUnavailable
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.storage.commits import record_reports, reopen_orders
from tuner.storage.heartbeats import Beat, store_beats
from tuner.storage.sql.database import Database
from tuner.storage.studies import park_studies
from tuner.storage.trials.trial_counts import forget_counts
from tuner.storage.trials.written import written_trials

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
    most_per_share: int | None = None,
) -> None:
    """Coordinate until told to stop.

    Args:
        build_engine: over the database of the coordinator that leads.
        most_per_share: orders of one owner, or of a study without one, that may run at once.

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
                _lead(leading, leadership, engine, should_stop, checkpoints, most_per_share)
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
    most_per_share: int | None,
) -> None:
    kept = {slot.busy_with for slot in engine.slots() if slot.busy_with is not None}
    with database.write() as session:
        park_studies(session)
        reopen_orders(session, kept)
        forget_counts(session, ACTIVE_STUDY_STATES)
    leader = Leader(database, leadership, engine, checkpoints, most_per_share)
    while not should_stop():
        leader.turn()


class Leader:
    """The work that a coordinator repeats while it leads.

    Args:
        most_per_share: orders of one owner, or of a study without one, that may run at once.
        clock: monotonic seconds.

    """

    def __init__(
        self,
        database: Database,
        leadership: Leadership,
        engine: Engine,
        checkpoints: CheckpointStore,
        most_per_share: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._leadership, self._engine = database, leadership, engine
        self._checkpoints, self._most_per_share = checkpoints, most_per_share
        self._clock, self._last_beat = clock, -BEAT_SECONDS
        self._memory = Memory(clock)
        self._evidence = EvidenceRefresh(database, clock)

    def turn(self) -> None:
        """Run one tick; every two seconds, store signs of life and tidy up before it.

        Raises:
            LeadershipLost: if another coordinator may have taken over.

        """
        if self._clock() - self._last_beat >= BEAT_SECONDS:
            self._last_beat = self._clock()
            self._leadership.renew()
            _beat(self._database, self._engine)
            park_changed(self._database, self._memory.active)
            sweep_checkpoints(self._database, self._checkpoints)
        tick(
            self._database,
            self._engine,
            memory=self._memory,
            checkpoints=self._checkpoints,
            most_per_share=self._most_per_share,
        )
        self._evidence.turn()


def tick(
    database: Database,
    engine: Engine,
    wait_seconds: float = WAIT_SECONDS,
    *,
    memory: Memory | None = None,
    checkpoints: CheckpointStore | None = None,
    most_per_share: int | None = None,
) -> None:
    """One turn of the coordinator.

    Safe to repeat at any point: orders are committed before they start, starting an order twice
    starts it once, and storing a report that is already there changes nothing.

    Args:
        memory: of the turns before, with the same database.
        checkpoints: where to delete those that nobody goes on from; None keeps them.
        most_per_share: orders of one owner, or of a study without one, that may run at once.

    """
    memory = memory or Memory()
    with database.read() as session:
        studies = memory.active.read(session)
        stored = memory.open_order_ids(session)
    memory.keep(studies)
    Starting(database, engine, memory, stored, studies, most_per_share).turn()
    reports = engine.wait(wait_seconds)  # no transaction is open while a device works
    memory.turns.note_rungs(reports)
    if reports:
        _store(database, reports, memory, checkpoints)


def _store(
    database: Database,
    reports: list[Report],
    memory: Memory,
    checkpoints: CheckpointStore | None,
) -> None:
    started = memory.started(report.order_id for report in reports)
    orders = list(dict.fromkeys(report.order_id for report in reports))
    with span("store reports", {ORDER: orders}), database.write() as session:
        stale = record_reports(session, reports, started)
    memory.reported(database, reports, written_trials(session))
    # Only now, with the newer state committed, may the older one go.
    if checkpoints is not None:
        for uri in stale:
            checkpoints.delete(uri)


def _beat(database: Database, engine: Engine) -> None:
    beats = [Beat("tuner", "coordinator")]
    beats += [
        Beat(slot.name, slot.device_words, slot.busy_with, slot.problem)
        for slot in engine.slots()
        if slot.study_id is None  # trainers' own requests tell when they were last heard of
    ]
    with database.write() as session:
        store_beats(session, beats)


def _report_problem(database: Database, problem: str) -> None:
    """Say in the database what is wrong with it, if it still takes an update in place."""
    try:
        with database.write() as session:
            store_beats(session, [Beat("tuner", "coordinator", problem=problem)])
    except StorageUnavailable as error:
        log.error("the problem could not be stored either", problem=str(error))
