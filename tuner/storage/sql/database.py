"""The database: opened, and refused where this code cannot serve it.

A read sees one state of the database and can change nothing, and writes queue up. One writer
is enough (a write takes milliseconds) and rules out deadlocks; and events become visible in
the order of their ids, so that a reader who remembers the last id it saw misses none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.orm import Session

from tuner.records.errors import LeadershipLost, StorageReadOnly
from tuner.storage.sql.at_commit import tell_committed, write_gathered
from tuner.storage.sql.connections import database_url, postgres_engines, sqlite_engines
from tuner.storage.sql.driver_errors import storage_errors
from tuner.storage.sql.sqlite_file import require_room
from tuner.storage.sql.tables import CoordinatorRow
from tuner.storage.sql.viewers import ViewedSession, Viewer

BUSY_TIMEOUT_SECONDS: Final = 30.0
SCHEMA_REVISION: Final = "20261211_ended_index"
"""The newest revision in migrations/, which this code was written for."""

_EPOCH: Final = select(CoordinatorRow.epoch)
_CONNECTION: Final = "connection of its one transaction"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database.

    Attributes:
        engine: the one connection that writes.
        readers: connections that cannot write.
        epoch: of the coordinator that writes through it, None for everybody else.
        viewer: limits the studies that it shows; None shows every study.

    """

    engine: Engine
    readers: Engine
    epoch: int | None = None
    viewer: Viewer | None = None

    def fenced(self, epoch: int) -> "Database":
        """The same database for the coordinator of an epoch; its writes fail after that epoch."""
        return replace(self, epoch=epoch)

    def seen_by(self, viewer: Viewer | None) -> "Database":
        """The same database, limited to the studies that a viewer may see; None shows all."""
        return replace(self, viewer=viewer)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one state of the database and cannot change it.

        Raises:
            StorageUnavailable: if the database cannot be read.

        """
        with storage_errors(self.readers.url), self._session(self.readers) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that is the only writer, committed at the end: all of it or nothing.

        Never open one inside another, and let nothing slow happen in it.

        Raises:
            LeadershipLost: if it is a coordinator's, and a newer epoch has begun.
            StorageUnavailable: if the database cannot be written; nothing of it is stored.

        """
        session = self._session(self.engine)
        with storage_errors(self.engine.url), session, session.begin():
            if self.epoch is not None:
                _require_epoch(session, self.epoch)
            yield session
            write_gathered(session)
        tell_committed(session)

    def _session(self, engine: Engine) -> Session:
        if self.viewer is None:
            return Session(engine)
        return ViewedSession(engine, self.viewer)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.readers.dispose()


def open_database(url: str, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> Database:
    """Prepare to use the database at `url`; nothing connects yet.

    Args:
        url: sqlite:///path/to/file or postgresql+psycopg://user:password@host/name.
        busy_timeout_seconds: how long to wait for other writers.

    Raises:
        ValueError: if the address names no supported database.

    """
    parsed = database_url(url)
    engines = sqlite_engines if parsed.get_backend_name() == "sqlite" else postgres_engines
    return Database(*engines(parsed, busy_timeout_seconds))


def connection_of(session: Session) -> Connection:
    """Give a session's connection, for statements that need no objects, with all that is pending.

    At every report a session's objects would take longer than everything else, and so would asking
    the session for its connection at every statement.
    """
    session.flush()
    connection: Connection | None = session.info.get(_CONNECTION)
    if connection is None:
        connection = session.info[_CONNECTION] = session.connection()
    return connection


def require_current(database: Database) -> None:
    """Check that this code can serve the database.

    Raises:
        DatabaseMismatch: if the database is older than this code, or too new for it.
        StorageUnavailable: if the database cannot be read.

    """
    with database.read() as session:
        connection = session.connection()
        current = _stored_revision(connection)
        if current != SCHEMA_REVISION:
            # Only here, because importing Alembic would double the API's start.
            from tuner.storage.sql.migration import require_compatible

            require_compatible(connection, current)


def require_storable(database: Database) -> None:
    """Check that the database takes writes, without the lock that writers queue for.

    A full disk of a PostgreSQL server shows in the coordinator's beats, which are writes.

    Raises:
        DatabaseMismatch: if the database is older than this code, or too new for it.
        StorageUnavailable: if it cannot be read or written.

    """
    require_current(database)
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        require_room(Path(url.database or ""))
        return
    with database.read() as session:
        if session.scalar(text("SELECT pg_is_in_recovery()")):
            raise StorageReadOnly(
                "The PostgreSQL server is a replica, which takes no writes: name its primary in"
                " WIDTHWISE_DATABASE_URL."
            )


def _require_epoch(session: Session, epoch: int) -> None:
    """Refuse a coordinator that was replaced; no other can begin an epoch before the commit."""
    current = connection_of(session).scalar(_EPOCH)
    if current != epoch:
        raise LeadershipLost(
            f"This coordinator's epoch is {epoch} and epoch {current} has begun:"
            " another coordinator has taken over this database."
        )


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
