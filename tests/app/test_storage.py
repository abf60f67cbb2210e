"""Trouble with the database's disk is answered in words, with a status to act on."""

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from app.http.problems import PROBLEM_JSON
from app.settings import AppSettings
from tests.app.served import SPEC, Served, serving
from tests.patience import PATIENCE_SECONDS
from tuner.storage.sql.database import Database, open_database

LARGE = {"labels": {f"label {i}": "x" * 200 for i in range(32)}}


@contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """No room for another page, as on a full disk."""

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(database.engine, "checkout", limit)
    yield
    event.remove(database.engine, "checkout", limit)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")


def test_a_full_disk_is_507_and_stores_nothing_of_the_study(served: Served) -> None:
    kept = served.submit()
    with full_disk(served.database):
        responses = [served.client.post("/v1/studies", json=SPEC | LARGE) for _ in range(5)]
        response = responses[-1]
        assert response.status_code == 507
        assert response.headers["content-type"] == PROBLEM_JSON
        assert response.json()["type"] == "urn:widthwise:problem:storage-full"
        assert "free some space" in response.json()["detail"]
        accepted = [r.json()["id"] for r in responses if r.status_code == 202]
        listed = [at["id"] for at in served.client.get("/v1/studies").json()["studies"]]
        assert listed == [*accepted[::-1], kept]
    assert served.client.post("/v1/studies", json=SPEC | LARGE).status_code == 202


@contextmanager
def being_written(
    template: Path, folder: Path, busy_timeout_seconds: float
) -> Iterator[tuple[Served, sqlite3.Connection]]:
    """A service over a database that another connection holds the write lock of."""
    path = folder / "widthwise.db"
    shutil.copyfile(template, path)
    database = open_database(f"sqlite:///{path}", busy_timeout_seconds=busy_timeout_seconds)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with serving(database, AppSettings()) as served:
        yield served, other
    other.close()
    database.close()


def test_a_database_that_another_process_keeps_writing_is_503_with_a_time_to_wait(
    sqlite_template: Path, tmp_path: Path
) -> None:
    with being_written(sqlite_template, tmp_path, 0.1) as (served, other):
        response = served.client.post("/v1/studies", json=SPEC)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["type"] == "urn:widthwise:problem:storage-busy"
        assert served.client.get("/v1/studies").status_code == 200
        assert served.client.get("/readyz").status_code == 200, "it takes no lock"
        other.rollback()
        assert served.client.post("/v1/studies", json=SPEC).status_code == 202


def test_reading_and_liveness_go_on_while_many_requests_wait_to_write(
    sqlite_template: Path, tmp_path: Path
) -> None:
    with (
        being_written(sqlite_template, tmp_path, PATIENCE_SECONDS) as (served, other),
        ThreadPoolExecutor(100) as threads,
    ):
        waiting = [threads.submit(httpx.post, f"{served.address}/v1/studies", json=SPEC,
                                  timeout=PATIENCE_SECONDS) for _ in range(100)]  # fmt: skip
        for asked in ("/healthz", "/v1/studies"):
            assert served.client.get(asked).status_code == 200
        assert not any(one.done() for one in waiting)
        other.rollback()
        assert {one.result().status_code for one in waiting} == {202}


def test_requests_beyond_those_that_may_wait_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, sqlite_template: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("app.http.write_turns.WRITING", 1)
    monkeypatch.setattr("app.http.write_turns.WAITING", 2)
    with (
        being_written(sqlite_template, tmp_path, PATIENCE_SECONDS) as (served, other),
        ThreadPoolExecutor(6) as threads,
    ):
        asked = [threads.submit(httpx.post, f"{served.address}/v1/studies", json=SPEC,
                                timeout=PATIENCE_SECONDS) for _ in range(6)]  # fmt: skip
        refused = [one.result() for one in islice(as_completed(asked), 3)]
        assert {one.status_code for one in refused} == {503}
        assert all(one.headers["retry-after"] == "1" for one in refused)
        other.rollback()
        assert sorted(one.result().status_code for one in asked) == [202, 202, 202, 503, 503, 503]


@pytest.mark.parametrize("path", ["/v1/studies", "/readyz", "/v1/workers"])
def test_a_database_that_is_no_database_is_503(tmp_path: Path, path: str) -> None:
    broken = tmp_path / "widthwise.db"
    broken.write_bytes(b"not a database" * 1_000)
    database = open_database(f"sqlite:///{broken}")
    with serving(database, AppSettings()) as served:
        response = served.client.get(path)
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert served.client.get("/healthz").status_code == 200
    database.close()
