"""Threads and processes that write at once: nobody is told that the database is locked."""

import multiprocessing
import threading
from multiprocessing.synchronize import Barrier

from sqlalchemy import func, select

from tests.patience import PATIENCE_SECONDS
from tests.tuner.stored_studies import spec
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import StudyEventRow, StudyRow
from tuner.storage.studies import open_study
from tuner.storage.study_list import list_studies

THREADS = 4
EACH = 20


def write_and_read(database: Database, failures: list[Exception]) -> None:
    try:
        for _ in range(EACH):
            with database.write() as session:
                list_studies(session, state=None, page_size=5, page_token=None)  # reads, then
                open_study(session, spec())  # writes: what a deferred transaction fails at
            with database.read() as session:
                list_studies(session, state=None, page_size=5, page_token=None)
    except Exception as error:  # noqa: BLE001  whatever it is, the test has to see it
        failures.append(error)


def write_from_threads(url: str, all_ready: Barrier) -> None:
    database = open_database(url, busy_timeout_seconds=PATIENCE_SECONDS)
    all_ready.wait()
    failures: list[Exception] = []
    threads = [
        threading.Thread(target=write_and_read, args=(database, failures)) for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    if failures:
        raise failures[0]


def test_four_threads_in_each_of_two_processes_write_without_an_error(
    database: Database, database_url: str
) -> None:
    context = multiprocessing.get_context("spawn")
    all_ready = context.Barrier(2)
    process = context.Process(target=write_from_threads, args=(database_url, all_ready))
    process.start()
    write_from_threads(database_url, all_ready)
    process.join()
    assert process.exitcode == 0
    with database.read() as session:
        assert session.scalar(select(func.count(StudyRow.id))) == 2 * THREADS * EACH
        assert session.scalar(select(func.count(StudyEventRow.id))) == 2 * THREADS * EACH
