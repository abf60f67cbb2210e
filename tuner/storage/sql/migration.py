"""The database's schema: created, brought up to date, and refused where the two do not fit.

Alembic is slow to import and only needed where a schema differs; processes that merely start
compare one string (`tuner.storage.sql.database.require_current`).
"""

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, select
from sqlalchemy.pool import NullPool

from tuner.records.errors import DatabaseMismatch
from tuner.storage.sql.connections import database_url, take_over_transactions
from tuner.storage.sql.driver_errors import storage_errors
from tuner.storage.sql.tables import SchemaRow

MIGRATIONS: Final = Path(__file__).resolve().parents[3] / "migrations"
MIGRATION_LOCK: Final = 0x4D49_4752  # PostgreSQL's advisory lock of the one migration


def migrate(url: str) -> None:
    """Create the database's tables, or bring them up to this code's; safe to race.

    A database that is newer, but lets this code serve it, is left as it is.

    Raises:
        DatabaseMismatch: if the database is too new for this code.
        StorageUnavailable: if the database cannot be written.
        ValueError: if the address names no supported database.

    """
    parsed = database_url(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with storage_errors(parsed), _one_at_a_time(parsed) as connection:
        script = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in _revisions(script):
            _require_compatible(current, _oldest_code(connection), script)
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_compatible(connection: Connection, current: str | None) -> None:
    """Check that a database at another revision than this code's lets it serve all the same.

    Raises:
        DatabaseMismatch: if the database is older than this code, or too new for it.

    """
    script = ScriptDirectory(str(MIGRATIONS))
    if current is None or current in _revisions(script):
        url = connection.engine.url.render_as_string(hide_password=True)
        raise DatabaseMismatch(
            f"The database {url} is at revision {current or 'none'}, this code needs"
            f" {script.get_current_head()}: run `python -m service.migrate {shlex.quote(url)}`,"
            " or start with `widthwise up`, which migrates."
        )
    _require_compatible(current, _oldest_code(connection), script)


def _revisions(script: ScriptDirectory) -> frozenset[str]:
    return frozenset(revision.revision for revision in script.walk_revisions())


def _oldest_code(connection: Connection) -> str | None:
    return connection.scalar(select(SchemaRow.oldest_code))


def _require_compatible(current: str, oldest_code: str | None, script: ScriptDirectory) -> None:
    """Refuse a newer database, unless it says that code as old as this may serve it."""
    if oldest_code not in _revisions(script):
        raise DatabaseMismatch(
            f"The database is at revision {current} and needs code that knows revision"
            f" {oldest_code}; this code ends at {script.get_current_head()}:"
            " install a newer release of Widthwise, then run `widthwise up` again."
        )


@contextmanager
def _one_at_a_time(url: URL) -> Iterator[Connection]:
    """Give the one transaction in which the schema may change."""
    engine = create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        # Foreign keys are off because SQLite alters a table by replacing it; they are checked
        # before the commit.
        take_over_transactions(
            engine, "BEGIN IMMEDIATE", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"
        )
        with _directory_lock(Path(url.database or "").resolve().parent):
            with engine.begin() as connection:
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                assert not broken, f"the migration left rows that refer to nothing: {broken}"
            return
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        yield connection


@contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: switching a new file to WAL does not wait, but fails."""
    if not directory.is_dir():
        yield  # connecting says so
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
