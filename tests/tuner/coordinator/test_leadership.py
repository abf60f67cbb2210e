"""One coordinator leads a database: taken over when it dies or freezes, and then locked out."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import snapshot_of, spec
from tuner.coordinator.leadership import begin_epoch, leadership
from tuner.coordinator.reconcile import run
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.reports import Report
from tuner.records.errors import LeadershipLost
from tuner.spec.states import StudyState
from tuner.storage.heartbeats import beat, workers
from tuner.storage.sql.database import Database
from tuner.storage.studies import open_study

CUT_OFF_SECONDS = 5.0
"""A frozen leader is; one that only waits for a core does not stay silent for so long."""


class Leader:
    """A process that leads."""

    def __init__(self, url: str, idle_timeout_seconds: float = PATIENCE_SECONDS) -> None:
        command = ["-m", "tests.tuner.coordinator.leader_process", url, str(idle_timeout_seconds)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first_words = self.read()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def write(self) -> str:
        """Have it write; what it says of that."""
        assert self.process.stdin is not None
        self.process.stdin.write("write\n")
        self.process.stdin.flush()
        return self.read()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def leader(database_url: str) -> Iterator[Leader]:
    running = Leader(database_url)
    yield running
    running.end()


@pytest.fixture
def impatiently_led(database_url: str) -> Iterator[Leader]:
    """A leader of a database that cuts it off soon."""
    running = Leader(database_url, CUT_OFF_SECONDS)
    yield running
    running.end()


class Holder:
    """A leadership that cannot be lost."""

    def renew(self) -> None:
        """Nothing to renew."""


def at_attempt(number: int, act: Callable[[], bool]) -> Callable[[], bool]:
    """Ask whether to stop: before the attempt of that number, what `act` says, else no."""
    attempts = count(1)
    return lambda: act() if next(attempts) == number else False


def names(database: Database) -> set[str]:
    with database.read() as session:
        return {worker.name for worker in workers(session)}


def test_a_standby_leads_once_the_leader_is_killed(
    leader: Leader, database_url: str, database: Database
) -> None:
    def kill() -> bool:
        leader.process.kill()
        leader.process.wait()
        return False

    assert leader.first_words == "epoch 1"
    assert leader.write() == "written"
    tries = at_attempt(2, kill)  # the first attempt finds the leader alive
    with leadership(database_url, tries, idle_timeout_seconds=PATIENCE_SECONDS) as held:
        assert leader.process.returncode == -signal.SIGKILL
        assert held is not None
        assert begin_epoch(held, database).epoch == 2


def test_a_standby_that_is_told_to_stop_leads_nothing(leader: Leader, database_url: str) -> None:
    with leadership(database_url, at_attempt(2, lambda: True)) as held:
        assert held is None
    assert leader.write() == "written"


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_frozen_leader_is_cut_off_and_writes_nothing_when_it_thaws(
    impatiently_led: Leader, database_url: str, database: Database
) -> None:
    leader = impatiently_led
    leader.signal(signal.SIGSTOP)
    with leadership(database_url, lambda: False, idle_timeout_seconds=PATIENCE_SECONDS) as held:
        assert held is not None
        leading = begin_epoch(held, database)
        leader.signal(signal.SIGCONT)
        answer = leader.write()
        assert answer.startswith("lost: This coordinator's epoch is 1 and epoch 2 has begun")
        with leading.write() as session:
            beat(session, "parent", "coordinator", None, None)
        held.renew()
    assert names(database) == {"parent"}


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_leader_that_was_cut_off_hears_of_it_and_begins_no_epoch(
    database_url: str, database: Database
) -> None:
    def never() -> bool:
        return False

    with (
        leadership(database_url, never, idle_timeout_seconds=0.05) as frozen,
        # It renews nothing while this one waits for the lock.
        leadership(database_url, never, idle_timeout_seconds=PATIENCE_SECONDS) as held,
    ):
        assert frozen is not None
        assert held is not None
        with pytest.raises(LeadershipLost):
            begin_epoch(frozen, database)
        with pytest.raises(LeadershipLost):
            frozen.renew()
        assert begin_epoch(held, database).epoch == 1


def test_a_write_of_an_older_epoch_stores_nothing(database: Database) -> None:
    older, newer = (begin_epoch(Holder(), database) for _ in range(2))
    begun = "epoch is 1 and epoch 2 has begun"
    with pytest.raises(LeadershipLost, match=begun), older.write() as session:
        beat(session, "older", "coordinator", None, None)
    with newer.write() as session:
        beat(session, "newer", "coordinator", None, None)
    with database.write() as session:  # the API has no epoch
        beat(session, "api", "api", None, None)
    assert names(database) == {"newer", "api"}


class Overtaken(AnalyticEngine):
    """Another coordinator takes over while this one waits for its first report."""

    def __init__(self, database: Database) -> None:
        super().__init__(slots=2)
        self._database = database
        self.closed = False

    def wait(self, timeout_seconds: float) -> list[Report]:
        begin_epoch(Holder(), self._database)
        return super().wait(timeout_seconds)

    def close(self) -> None:
        self.closed = True


def test_a_coordinator_that_was_replaced_stores_no_report_and_fails_no_study(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec())
    engine = Overtaken(database)
    with pytest.raises(LeadershipLost):
        run(database, Holder(), lambda _: engine, lambda: False, FileCheckpoints(tmp_path))
    snapshot = snapshot_of(database, study)
    assert snapshot.study.state is StudyState.CHECKING
    assert [one.order.kind for one in snapshot.open_orders] == ["describe"]
    assert snapshot.study.shape is None
    assert engine.closed


def test_losing_the_leadership_while_deciding_is_no_defect_of_the_study(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec())

    class OvertakenWhileStarting(AnalyticEngine):
        def start(self, order: object) -> None:
            raise LeadershipLost

    with pytest.raises(LeadershipLost):
        run(
            database,
            Holder(),
            lambda _: OvertakenWhileStarting(1),
            lambda: False,
            FileCheckpoints(tmp_path),
        )
    assert snapshot_of(database, study).study.state is StudyState.CHECKING
