"""Judge whether a write would be stored, without the lock that writers queue for."""

from pathlib import Path

from sqlalchemy import text

from tuner.records.errors import StorageReadOnly
from tuner.storage.sql.database import Database, require_current
from tuner.storage.sql.sqlite_file import require_room


def require_storable(database: Database) -> None:
    """Check that the database is there, fits this code, and takes writes.

    A full disk of a PostgreSQL server shows in the coordinator's beats, which are writes.

    Raises:
        DatabaseMismatch: if it is older than this code, or too new for it.
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
