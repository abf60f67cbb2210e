"""Sessions: snapshot reads, one writer, and storage trouble by its name on both databases."""

import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError

from tests.tuner.stored_studies import decide, new_trial, searching_study, spec
from tuner.records.decision import Decision
from tuner.records.errors import StorageBusy, StorageFull, StorageReadOnly, StorageUnavailable
from tuner.storage.heartbeats import beat, workers
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import CoordinateCheckRow, StudyRow, TrialRow
from tuner.storage.studies import open_study
from tuner.storage.study_list import list_studies

SHORT_TIMEOUT_SECONDS = 0.05


@pytest.fixture
def impatient(database_url: str) -> Iterator[Database]:
    """The same database, opened by somebody who does not wait."""
    database = open_database(database_url, busy_timeout_seconds=SHORT_TIMEOUT_SECONDS)
    yield database
    database.close()


def open_one(database: Database) -> None:
    with database.write() as session:
        open_study(session, spec())


def open_many(database: Database, at_once: int = 1) -> None:
    for _ in range(1_000):
        with database.write() as session:
            for _ in range(at_once):
                open_study(session, spec())


def count_studies(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(StudyRow.id))) or 0


def test_a_write_that_raises_stores_nothing(database: Database) -> None:
    def open_and_stumble() -> None:
        with database.write() as session:
            open_study(session, spec())
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        open_and_stumble()
    assert count_studies(database) == 0


def test_a_read_session_cannot_write(database: Database) -> None:
    with pytest.raises(StorageReadOnly), database.read() as session:
        session.execute(delete(StudyRow))


def test_a_read_sees_one_state_however_much_is_written_meanwhile(database: Database) -> None:
    open_one(database)
    with database.read() as session:
        before = list_studies(session, state=None, page_size=10, page_token=None)
        open_one(database)
        session.expire_all()
        assert list_studies(session, state=None, page_size=10, page_token=None) == before
    assert count_studies(database) == 2


def test_rows_that_refer_to_nothing_are_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(
            CoordinateCheckRow(study_id="std_0", optimizer="adam", tensor="w", width=64, seed=0)
        )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_reaches_no_column(database: Database, number: float) -> None:
    study = searching_study(database)
    with pytest.raises(Exception, match="only finite numbers"), database.write() as session:
        session.get_one(TrialRow, (study.id, 0)).value = number
    with pytest.raises(Exception, match="Out of range float"), database.write() as session:
        session.get_one(TrialRow, (study.id, 0)).intermediate_values = {"2": number}
    decision = Decision(new_trials=(new_trial(system_attrs={"note": number}),))
    with pytest.raises(Exception, match="Out of range float"):
        decide(database, study, decision)


def test_writing_while_somebody_else_writes_for_too_long_is_busy(
    database: Database, impatient: Database
) -> None:
    with database.write() as session:
        open_study(session, spec())
        session.flush()
        with pytest.raises(StorageBusy):
            open_one(impatient)
        assert count_studies(impatient) == 0, "reads do not wait for writes"
    open_one(impatient)
    assert count_studies(database) == 2


def test_threads_of_one_process_queue_up_to_write(impatient: Database) -> None:
    with impatient.write() as session:
        open_study(session, spec())
        session.flush()
        with pytest.raises(StorageBusy):
            open_one(impatient)
    assert count_studies(impatient) == 1


def test_a_full_sqlite_database_says_so_and_recovers(sqlite_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = open_database(f"sqlite:///{path}")
    with database.write() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(StorageFull, match="free some space"):
        open_many(database)
    stored = count_studies(database)
    assert stored > 0
    with pytest.raises(StorageFull):
        open_many(database, at_once=100)
    assert count_studies(database) == stored, "nothing half-made is left"
    with database.write() as session:
        session.execute(text("PRAGMA max_page_count=1000000"))
    open_one(database)
    assert count_studies(database) == stored + 1
    database.close()


def test_a_database_that_cannot_be_written_says_so_and_can_still_be_read(
    database: Database, database_url: str
) -> None:
    open_one(database)
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    read_only = open_database(url.render_as_string(hide_password=False))
    if url.get_backend_name() == "sqlite":  # root may write to files that are read-only
        event.listen(
            read_only.engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA query_only=ON")
        )
    with pytest.raises(StorageReadOnly, match="make its directory or server writable"):
        open_one(read_only)
    assert count_studies(read_only) == 1
    read_only.close()


def _forbid_writes(connection: DBAPIConnection, _: object) -> None:
    connection.cursor().execute("PRAGMA query_only=ON")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'nowhere' / 'widthwise.db'}")
    with pytest.raises(StorageUnavailable, match=r"nowhere/widthwise\.db cannot be used"):
        open_one(database)


def test_a_backup_put_in_the_place_of_a_database_is_what_is_used(
    sqlite_template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "widthwise.db"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    assert count_studies(database) == 0
    backup = tmp_path / "backup.db"
    shutil.copyfile(sqlite_template, backup)
    other = open_database(f"sqlite:///{backup}")
    open_one(other)
    other.close()  # which folds its log into the file
    backup.replace(path)
    assert count_studies(database) == 1
    open_one(database)
    assert count_studies(database) == 2
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, not a database. " * 100)
    database = open_database(f"sqlite:///{path}")
    with pytest.raises(StorageUnavailable, match=r"notes\.txt cannot be used"):
        count_studies(database)
    database.close()


@pytest.mark.postgres
@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_lost_connection_is_unavailable_once_and_then_recovers(database: Database) -> None:
    terminate = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    def lose_connection_while_writing() -> None:
        with database.write() as session:
            open_study(session, spec())
            session.flush()
            with database.read() as other:
                other.execute(terminate)

    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        lose_connection_while_writing()
    open_one(database)
    with database.read() as other:
        other.execute(terminate)  # while idle: noticed before the next use
    open_one(database)
    assert count_studies(database) == 2


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StorageUnavailable, match="check that it runs"):
        count_studies(database)


@pytest.mark.parametrize(
    "url",
    ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "widthwise.db", "postgresql://h"],
)
def test_an_address_of_no_supported_database_is_refused_with_what_to_use(url: str) -> None:
    with pytest.raises(ValueError, match="use sqlite:///path/to/file"):
        open_database(url)


def test_threads_that_beat_at_once_each_leave_one_row(database: Database) -> None:
    def beat_often(name: str) -> None:
        for _ in range(10):
            with database.write() as session:
                beat(session, name, "cpu", None, "out of memory\x00\ud800")

    threads = [threading.Thread(target=beat_often, args=(f"cpu-{i % 2}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        stored = workers(session)
    assert [worker.name for worker in stored] == ["cpu-0", "cpu-1"]
    assert stored[0].problem == "out of memory\ufffd?", "what cannot be stored is replaced"
