"""The outbox: readers who remember the last id they saw miss nothing."""

import contextlib
import logging
import threading

import pytest

from tests.tuner.stored_studies import searching_study, spec
from tuner.storage.events import EventKind, StudyEvent, events_after, last_event_id, write_event
from tuner.storage.sql.database import Database, open_database
from tuner.storage.studies import open_study


def test_events_come_in_order_from_where_the_reader_was(database: Database) -> None:
    study = searching_study(database)
    other = searching_study(database)
    with database.read() as session:
        everything = events_after(session, None, 0, 100)
        assert [event.id for event in everything] == sorted({event.id for event in everything})
        assert last_event_id(session) == everything[-1].id
        own = events_after(session, study.id, 0, 100)
        assert own == tuple(event for event in everything if event.study_id == study.id)
        assert events_after(session, study.id, own[0].id, 1) == (own[1],)
        assert events_after(session, other.id, everything[-1].id, 100) == ()


def test_before_the_first_event_the_last_id_is_zero(database: Database) -> None:
    with database.read() as session:
        assert last_event_id(session) == 0


def test_an_event_of_a_write_that_failed_is_never_seen(database: Database) -> None:
    study = searching_study(database)
    with database.read() as session:
        before = events_after(session, None, 0, 100)
    try:
        with database.write() as session:
            write_event(session, study.id, EventKind.TRIAL_PROGRESS, {"number": 0})
            session.flush()
            raise KeyError
    except KeyError:
        pass
    with database.read() as session:
        assert events_after(session, None, 0, 100) == before


def test_the_log_says_what_was_committed_with_its_ids(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    study = searching_study(database)
    caplog.set_level(logging.INFO, "tuner.storage.events")
    caplog.clear()
    lost = {"order_id": "ord_1", "kind": "train", "attempt": 2, "message": "killed"}
    ended = {"number": 3, "state": "complete"}
    with contextlib.suppress(KeyError), database.write() as session:
        write_event(session, study.id, EventKind.TRIAL_STATE, {"number": 2, "state": "fail"})
        session.flush()
        raise KeyError
    with database.write() as session:
        write_event(session, study.id, EventKind.TRIAL_PROGRESS, {"number": 3, "step": 1})
        write_event(session, study.id, EventKind.TRIAL_STATE, ended)
        write_event(session, study.id, EventKind.ORDER_LOST, lost)
        assert caplog.records == [], "it may yet fail"
    assert [(one.levelname, one.getMessage(), vars(one)["fields"]) for one in caplog.records] == [
        ("INFO", "trial.state", {"study": study.id, "trial": 3, "state": "complete"}),
        (
            "WARNING",
            "order.lost",
            {
                "study": study.id,
                "order": "ord_1",
                "kind": "train",
                "attempt": 2,
                "message": "killed",
            },
        ),
    ]


def test_a_reader_beside_many_writers_misses_no_event(
    database: Database, database_url: str
) -> None:
    """PostgreSQL numbers rows before they are visible; unordered commits would hide some."""
    writers, each = 4, 15

    def write() -> None:
        own = open_database(database_url)  # as another process has
        for _ in range(each):
            with own.write() as session:
                open_study(session, spec())
                session.flush()
                open_study(session, spec())
        own.close()

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[StudyEvent] = []
    while True:
        all_written = not any(thread.is_alive() for thread in threads)
        with database.read() as session:
            news = events_after(session, None, seen[-1].id if seen else 0, 1_000)
        seen += news
        if all_written and not news:
            break
    for thread in threads:
        thread.join()
    assert len({event.study_id for event in seen}) == writers * each * 2
