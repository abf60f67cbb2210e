"""Engines for SQLite and PostgreSQL that behave alike: snapshot reads, one writer at a time."""

import json
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from tuner.storage.sql.sqlite_file import SqliteFile

CONCURRENT_READS: Final = 40  # as many as FastAPI has threads
WRITER_LOCK: Final = 0x5749_4454  # PostgreSQL's advisory lock of the one writer
DRIVERS: Final = ("sqlite", "postgresql+psycopg")
POSTGRES_PATIENCE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""Timeouts of libpq for a server whose machine is gone: the kernel's own limits are hours."""
FROZEN_WRITER_MILLISECONDS: Final = 15_000
"""PostgreSQL ends the transaction of a writer that sends no statement for this long; a write takes
milliseconds."""

_write_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def sqlite_url(path: Path) -> str:
    """Address of an SQLite file, whatever characters its path has.

    Raises:
        ValueError: if the path is not UTF-8.

    >>> sqlite_url(Path("/data/rate?1/widthwise.db"))
    'sqlite:////data/rate%3F1/widthwise.db'
    """
    try:
        return URL.create("sqlite", database=str(path)).render_as_string()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the path {str(path)!r} is not UTF-8, and a database's address has to be: rename the"
            " directory"
        ) from error


def _read_json(stored: str) -> Any:  # noqa: ANN401  JSON
    """The parsed JSON, or the text itself if it is none: SQLite stores any text as JSON."""
    try:
        return json.loads(stored)
    except ValueError:
        return stored


def database_url(url: str) -> URL:
    """Parse and check a database's address.

    Raises:
        ValueError: if the address names no supported database.

    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(f"{error}: use sqlite:///path/to/file") from error
    if parsed.drivername not in DRIVERS:
        raise ValueError(
            f"unsupported database {parsed.drivername!r}: use sqlite:///path/to/file"
            " or postgresql+psycopg://user:password@host/name"
        )
    if parsed.drivername == "sqlite":
        _require_file(url, parsed)
    return parsed


def _require_file(url: str, parsed: URL) -> None:
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("an SQLite database needs a file: use sqlite:///path/to/file")
    if "?" in url:  # read as options, two paths that differ behind it would be one database
        raise ValueError(
            f"the SQLite address {url!r} has options after `?`, and none are known: leave them out;"
            " in a path write ? as %3F"
        )


def sqlite_engines(url: URL, busy_timeout_seconds: float) -> tuple[Engine, Engine]:
    """Make the engine that writes and the one that reads."""
    connect_args = {"timeout": busy_timeout_seconds}
    # The threads of a process queue for its one writing connection in order; SQLite's own
    # busy handler polls, and only has to arbitrate between processes.
    engine = create_engine(
        url,
        json_serializer=_write_json,
        json_deserializer=_read_json,
        connect_args=connect_args,
        pool_size=1,
        max_overflow=0,
        pool_timeout=busy_timeout_seconds,
    )
    # FULL, not NORMAL: NORMAL loses the last commits when power fails, and a study that was
    # answered with 202 must not be lost by a node dying.
    take_over_transactions(engine, "BEGIN IMMEDIATE", "foreign_keys=ON", "synchronous=FULL")
    readers = create_engine(
        url,
        json_serializer=_write_json,
        json_deserializer=_read_json,
        connect_args=connect_args,
        max_overflow=CONCURRENT_READS - 5,
        pool_timeout=busy_timeout_seconds,
    )
    take_over_transactions(readers, "BEGIN", "query_only=ON")
    file = SqliteFile(Path(url.database or ""))
    file.guard(engine)
    file.guard(readers)
    return engine, readers


def take_over_transactions(engine: Engine, begin: str, *pragmas: str) -> None:
    """Open every SQLite transaction with `begin`, on connections prepared by `pragmas`.

    Python's sqlite3 would open deferred transactions, and none before a SELECT or DDL. A
    deferred one that reads and then writes fails with "database is locked" when another
    connection has written in between.
    """

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", prepare)
    _begin_with(engine, begin)


def _begin_with(engine: Engine, statement: str) -> None:
    """Execute a statement at the beginning of every transaction.

    As the dialect's own way to begin, not on the event: an engine that one event is listened to
    looks for listeners to all others at every statement, which takes a tenth of a turn of the
    coordinator.
    """

    def begin(dbapi_connection: PoolProxiedConnection) -> None:
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()

    engine.dialect.do_begin = begin  # type: ignore[method-assign]


def postgres_engines(url: URL, busy_timeout_seconds: float) -> tuple[Engine, Engine]:
    """Make the engine that writes and the one that reads."""

    def engine_of(options: str, **pool: Any) -> Engine:  # noqa: ANN401  SQLAlchemy's own
        given = url.query.get("options", "")
        return create_engine(
            url,
            json_serializer=_write_json,
            connect_args=POSTGRES_PATIENCE | {"options": f"{given} {options}"},
            pool_pre_ping=True,
            pool_timeout=busy_timeout_seconds,
            **pool,
        )

    # Without the second timeout, a process that is frozen while it writes stops every other.
    engine = engine_of(
        f"-c lock_timeout={busy_timeout_seconds * 1000:.0f}"
        f" -c idle_in_transaction_session_timeout={FROZEN_WRITER_MILLISECONDS}",
        pool_size=1,
        max_overflow=0,
    )

    _begin_with(engine, f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
    readers = engine_of(
        "-c default_transaction_read_only=on",
        isolation_level="REPEATABLE READ",
        max_overflow=CONCURRENT_READS - 5,
    )
    return engine, readers
