"""Hold the leadership of a database: one coordinator is active, the others stand by.

On SQLite the lock is a file beside the database, which the kernel releases with the process. On
PostgreSQL it is an advisory lock on a connection of its own that is pinged; a frozen holder is
cut off by `idle_session_timeout`, so that a standby can take over.

A lock cannot stop a holder that was frozen, was replaced and goes on. So each leader begins an
epoch, a number that is stored and only grows, and its writes are refused once there is a newer one.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import psycopg
import structlog
from sqlalchemy import URL, update

from tuner.records.errors import LeadershipLost
from tuner.storage.sql.connections import POSTGRES_PATIENCE, database_url
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import CoordinatorRow

_ADVISORY_KEY = 0x77696474687769  # "widthwi" in ASCII
IDLE_TIMEOUT_SECONDS: Final = 15.0
"""PostgreSQL takes the leadership from a holder that has not renewed it for this long."""
_STANDBY_SECONDS = 0.5

log = structlog.get_logger()


class Leadership(Protocol):
    """The lock that makes one coordinator the active one."""

    def renew(self) -> None:
        """Show that the holder is alive; call at least every five seconds.

        Raises:
            LeadershipLost: if it is no longer the holder.
        """


class _FileLock:
    def renew(self) -> None:
        """Do nothing: the kernel holds a file lock for as long as the process lives."""


class _AdvisoryLock:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def renew(self) -> None:
        try:
            self._connection.execute("select 1")
        except psycopg.Error as error:
            raise LeadershipLost(str(error)) from error


def begin_epoch(leadership: Leadership, database: Database) -> Database:
    """Begin the holder's epoch; return the database for writes that end with that epoch.

    Raises:
        LeadershipLost: if it is no longer the holder.
        StorageUnavailable: if the epoch cannot be stored.

    """
    with database.write() as session:
        leadership.renew()  # while nobody else can write: a holder that was replaced begins none
        grown = update(CoordinatorRow).values(epoch=CoordinatorRow.epoch + 1)
        epoch = session.scalars(grown.returning(CoordinatorRow.epoch)).one()
    return database.fenced(epoch)


@contextmanager
def leadership(
    url: str,
    should_stop: Callable[[], bool],
    *,
    idle_timeout_seconds: float = IDLE_TIMEOUT_SECONDS,
) -> Iterator[Leadership | None]:
    """Wait for the leadership of the database at `url` and hold it; None if told to stop first.

    Args:
        idle_timeout_seconds: a holder on PostgreSQL loses it after this time without renewal.

    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        with open(f"{parsed.database}-tuner.lock", "w") as lock_file:
            held = _wait_until(lambda: _try_flock(lock_file.fileno()), should_stop)
            yield _FileLock() if held else None
        return
    connection = _locking_connection(parsed, should_stop, idle_timeout_seconds)
    if connection is None:
        yield None
        return
    with connection:
        yield _AdvisoryLock(connection)


def _wait_until(attempt: Callable[[], bool], should_stop: Callable[[], bool]) -> bool:
    while not should_stop():
        if attempt():
            return True
        time.sleep(_STANDBY_SECONDS)
    return False


def _locking_connection(
    url: URL, should_stop: Callable[[], bool], idle_timeout_seconds: float
) -> psycopg.Connection | None:
    """A connection that holds the lock; None if told to stop before it could be had."""
    pause = min(_STANDBY_SECONDS, idle_timeout_seconds / 4)
    connection: psycopg.Connection | None = None
    while not should_stop():
        try:
            connection = connection or _connect(url, idle_timeout_seconds)
            if _try_advisory(connection):
                return connection
        except psycopg.OperationalError as error:
            log.warning("standing by without the database", problem=str(error))
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(pause)
    if connection is not None:
        connection.close()
    return None


def _connect(url: URL, idle_timeout_seconds: float) -> psycopg.Connection:
    # In SQLAlchemy's own words: libpq does not read every address that SQLAlchemy writes.
    _, words = url.get_dialect()().create_connect_args(url)
    connection = psycopg.connect(**{**POSTGRES_PATIENCE, **words}, autocommit=True)
    timeout = f"{idle_timeout_seconds * 1000:.0f}ms"
    connection.execute("select set_config('idle_session_timeout', %s, false)", [timeout])
    return connection


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.set_inheritable(descriptor, False)  # a worker that outlives us must not keep the lock
    return True


def _try_advisory(connection: psycopg.Connection) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", [_ADVISORY_KEY]).fetchone()
    return row is not None and row[0] is True
