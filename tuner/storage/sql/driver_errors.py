"""Translate a database driver's errors into the tuner's storage errors.

Codes, not texts: SQLite's extended result codes and PostgreSQL's SQLSTATEs are stable.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tuner.records.errors import StorageBusy, StorageFull, StorageReadOnly, StorageUnavailable

SQLITE_MEANINGS: Final = {
    sqlite3.SQLITE_FULL: StorageFull,
    # a volume without room for the write-ahead log's index
    sqlite3.SQLITE_IOERR_SHMSIZE: StorageFull,
    sqlite3.SQLITE_READONLY: StorageReadOnly,
    sqlite3.SQLITE_PERM: StorageReadOnly,
    sqlite3.SQLITE_BUSY: StorageBusy,
    sqlite3.SQLITE_LOCKED: StorageBusy,
    sqlite3.SQLITE_PROTOCOL: StorageBusy,
    sqlite3.SQLITE_IOERR: StorageUnavailable,
    sqlite3.SQLITE_CANTOPEN: StorageUnavailable,
    sqlite3.SQLITE_CORRUPT: StorageUnavailable,
    sqlite3.SQLITE_NOTADB: StorageUnavailable,
}
POSTGRES_MEANINGS: Final = {
    "53100": StorageFull,  # disk_full
    "25006": StorageReadOnly,  # read_only_sql_transaction
    "55P03": StorageBusy,  # lock_not_available
    "57014": StorageBusy,  # query_canceled, by a timeout
    "40001": StorageBusy,  # serialization_failure
    "40P01": StorageBusy,  # deadlock_detected
    "53300": StorageBusy,  # too_many_connections
}


@contextmanager
def storage_errors(url: URL) -> Iterator[None]:
    """Raise a StorageUnavailable where the body fails because of where its data is stored."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageBusy from error
    except DBAPIError as error:
        meaning = _meaning(error, url)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError, url: URL) -> StorageUnavailable | None:
    if url.get_backend_name() == "sqlite":
        return _sqlite_meaning(error, Path(url.database or ""))
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    if sqlstate in POSTGRES_MEANINGS:
        return POSTGRES_MEANINGS[sqlstate]()
    if error.connection_invalidated or isinstance(error, OperationalError):
        return StorageUnavailable()
    return None


def _sqlite_meaning(error: DBAPIError, path: Path) -> StorageUnavailable | None:
    code: int = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK)
    # The low byte of an extended code is the code it extends.
    meaning = SQLITE_MEANINGS.get(code) or SQLITE_MEANINGS.get(code & 0xFF)
    if meaning is None:
        return None
    if meaning is not StorageUnavailable:
        return meaning()
    directory = path.resolve().parent
    if directory.is_dir() and not os.access(directory, os.W_OK):
        return StorageReadOnly(
            f"The database {path} cannot be written: make {directory} writable, then try again."
        )
    return StorageUnavailable(f"The database {path} cannot be used: {error.orig}.")
