"""A real server over a real database, for every test of the API and its pages."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.settings import AppSettings
from tests.app.served import Served, serving
from tests.patience import PATIENCE_SECONDS
from tuner.storage.sql.database import Database, open_database


@pytest.fixture
def settings() -> AppSettings:
    # Who has just been heard of is so still when it is asked about, however busy the machine is.
    return AppSettings(sse_poll_seconds=0.02, coordinator_silence_seconds=PATIENCE_SECONDS)


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "widthwise.db"
    shutil.copyfile(sqlite_template, path)
    opened = open_database(f"sqlite:///{path}", busy_timeout_seconds=PATIENCE_SECONDS)
    yield opened
    opened.close()


@pytest.fixture
def served(database: Database, settings: AppSettings) -> Iterator[Served]:
    with serving(database, settings) as running:
        yield running


@pytest.fixture
def client(served: Served) -> httpx.Client:
    return served.client


@pytest.fixture(scope="module")
def untouched(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over an empty database, for tests that store nothing."""
    path = tmp_path_factory.mktemp("untouched") / "widthwise.db"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    with serving(database, AppSettings()) as running:
        yield running
    database.close()


@pytest.fixture(scope="module")
def reviewed(
    finished: tuple[Served, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str]]:
    """A copy of the completed study, in which one module may store and decide."""
    served, study_id = finished
    path = tmp_path_factory.mktemp("reviewed") / "widthwise.db"
    with closing(sqlite3.connect(path)) as copy, served.database.read() as session:
        source = session.connection().connection.driver_connection
        assert isinstance(source, sqlite3.Connection), "as the fixture made it"
        source.backup(copy)
    database = open_database(f"sqlite:///{path}")
    with serving(database, AppSettings(sse_poll_seconds=0.02)) as running:
        yield running, study_id
    database.close()


@pytest.fixture(scope="session")
def finished(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str]]:
    """A service with one completed study, and the study's id: it can be read, and not changed."""
    path = tmp_path_factory.mktemp("finished") / "widthwise.db"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    settings = AppSettings(sse_poll_seconds=0.02)
    with serving(database, settings) as running:
        study_id = running.submit(name="eight times wider")
        running.advance(study_id)
    with serving(replace(database, engine=database.readers), settings) as running:
        yield running, study_id
    database.close()
