"""Pause studies whose code has changed under them, while the coordinator runs."""

from tuner.storage.sql.database import Database
from tuner.storage.studies import park_changed_studies


def park_changed(database: Database) -> None:
    """Look at every active study; their trials go on when the code is as it was."""
    with database.write() as session:
        park_changed_studies(session)
