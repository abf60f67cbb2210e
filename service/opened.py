"""Open the database as a process starts; where it cannot be served, end with what to do."""

import sys

from tuner.records.errors import TunerError
from tuner.storage.sql.database import Database, open_database, require_current


def open_or_exit(process: str, url: str) -> Database:
    """The database, once it is there and fits this code; exit status 1 in words otherwise."""
    try:
        database = open_database(url)
        require_current(database)
    except (TunerError, ValueError) as error:
        sys.exit(f"{process}: {error}")
    return database
