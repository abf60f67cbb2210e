"""The file of an SQLite database: still the one that connections are open on, and writable.

SQLite goes on writing into a file that was deleted, and makes an empty one where there is none:
what a user was told is stored would be in neither place.
"""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from tuner.records.errors import StorageFull, StorageReadOnly, StorageUnavailable

_PROBE: Final = b"\0" * 4_096
"""A block of most file systems."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY: Final = (errno.EROFS, errno.EACCES, errno.EPERM)

Identity = tuple[int, int]
"""Device and inode."""


class SqliteFile:
    """The file at a path, from the first connection on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._was_there = False

    def guard(self, engine: Engine) -> None:
        """Let the engine use no file but the one at the path."""

        def refuse_a_new_file(*_: object) -> None:
            if self._was_there:
                self._identity()

        def remember(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
            if isinstance(connection, sqlite3.Connection):
                self._was_there, entry.info[SqliteFile] = True, self._identity()

        def compare(
            connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: object
        ) -> None:
            if entry.info.get(SqliteFile) != self._identity():  # a backup was put in its place
                raise DisconnectionError

        event.listen(engine, "do_connect", refuse_a_new_file)
        event.listen(engine, "connect", remember)
        event.listen(engine, "checkout", compare)

    def _identity(self) -> Identity:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            raise _gone(self._path) from None
        return found.st_dev, found.st_ino


def require_room(database: Path) -> None:
    """Check that a block can be written beside an SQLite database, without a lock on it.

    Raises:
        StorageFull, StorageReadOnly, StorageUnavailable: by what is in the way.

    """
    if not database.exists():
        raise _gone(database)
    try:
        with tempfile.TemporaryFile(dir=database.parent, buffering=0) as probe:
            probe.write(_PROBE)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        if error.errno in _READ_ONLY:
            raise StorageReadOnly(
                f"{database.parent} cannot be written: make it writable, then try again."
            ) from error
        raise StorageUnavailable(f"{database.parent} cannot be used: {error}.") from error


def _gone(path: Path) -> StorageUnavailable:
    return StorageUnavailable(
        f"The database {path} is gone: put it back (from a backup, say), or start the service on"
        " another data directory."
    )
