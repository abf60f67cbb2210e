"""One active coordinator per database: the others stand by until it goes.

On SQLite the lock is a file beside the database, which the kernel releases with the process. On
PostgreSQL it is an advisory lock on a connection of its own that is pinged; a frozen holder is
cut off by `idle_session_timeout`, so that a standby can take over.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import psycopg

from tuner.connections import database_url
from tuner.errors import LeadershipLost

_ADVISORY_KEY = 0x77696474687769  # "widthwi" in ASCII
_IDLE_SESSION_TIMEOUT = "15s"
_STANDBY_SECONDS = 0.5


class Leadership(Protocol):
    """What the active coordinator holds."""

    def renew(self) -> None:
        """Show that the holder is alive; call at least every five seconds.

        Raises:
            LeadershipLost: if it is no longer the holder.
        """


class _FileLock:
    def renew(self) -> None:
        """The kernel holds a file lock for as long as the process lives."""


class _AdvisoryLock:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def renew(self) -> None:
        try:
            self._connection.execute("select 1")
        except psycopg.Error as error:
            raise LeadershipLost(str(error)) from error


@contextmanager
def leadership(url: str, should_stop: Callable[[], bool]) -> Iterator[Leadership | None]:
    """Wait for the leadership of the database at `url` and hold it; None if told to stop first."""
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        with open(f"{parsed.database}-tuner.lock", "w") as lock_file:
            held = _wait_until(lambda: _try_flock(lock_file.fileno()), should_stop)
            yield _FileLock() if held else None
        return
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"set idle_session_timeout = '{_IDLE_SESSION_TIMEOUT}'")
        held = _wait_until(lambda: _try_advisory(connection), should_stop)
        yield _AdvisoryLock(connection) if held else None


def _wait_until(attempt: Callable[[], bool], should_stop: Callable[[], bool]) -> bool:
    while not should_stop():
        if attempt():
            return True
        time.sleep(_STANDBY_SECONDS)
    return False


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
