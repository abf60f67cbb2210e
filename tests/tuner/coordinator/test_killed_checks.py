"""Kill a coordinator during a coordinate check that stands alone: the next one finishes it."""

import subprocess
import sys
from pathlib import Path

from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.leadership import leadership
from tuner.coordinator.reconcile import run
from tuner.engine.checkpoints import FileCheckpoints
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.check_progress import check_progress
from tuner.storage.orders import open_orders_of
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot
from tuner.storage.study_records import statistics_of


def submit(database: Database) -> str:
    spec = {"family": {"name": "gpt", "depth": 1}, "target": {"width": 256}, "stop_after": "check"}
    with database.write() as session:
        return open_study(session, StudySpec.model_validate(spec))[0].id


def finish(database: Database, url: str, study_id: str, folder: Path) -> None:
    """Lead as the service does, until the study has ended."""

    def is_over() -> bool:
        with database.read() as session:
            return get_study(session, study_id).state in FINAL_STUDY_STATES

    with leadership(url, lambda: False) as held:
        assert held is not None
        engine = AnalyticEngine(slots=2, hidden_growth=1.0)
        run(database, held, lambda leading: engine, is_over, FileCheckpoints(folder))


def test_a_check_whose_coordinator_is_killed_ends_with_the_same_verdict(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'widthwise.db'}"
    migrate(url)
    database = open_database(url)
    calm = submit(database)
    finish(database, url, calm, tmp_path)
    struck = submit(database)
    command = [sys.executable, "-m", "tests.tuner.coordinator.check_process", url, struck]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) >= 2
        process.kill()
    with database.read() as session:
        assert get_study(session, struck).state is StudyState.CHECKING
        stored, under_way = check_progress(session, struck), open_orders_of(session, struck)
    assert stored.finished < 4
    assert under_way
    finish(database, url, struck, tmp_path)
    with database.read() as session:
        ends = [read_snapshot(session, study_id).study for study_id in (calm, struck)]
        found = [set(statistics_of(session, study_id)) for study_id in (calm, struck)]
        left_open = open_orders_of(session, struck)
    database.close()
    assert [end.state for end in ends] == [StudyState.COMPLETED] * 2
    assert ends[0].reason == ends[1].reason
    assert found[0] == found[1]
    assert left_open == ()
