"""Pause studies whose code has changed under them, while the coordinator runs."""

from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database
from tuner.storage.studies import park_study


def park_changed(database: Database, active: ActiveStudies | None = None) -> None:
    """Look at every active study; their trials go on when the code is as it was.

    Args:
        active: that have been read before; saves time, and changes nothing.

    """
    with database.read() as session:
        changed = list((active or ActiveStudies()).changed(session))
    for study_id, words in changed:
        with database.write() as session:
            park_study(session, study_id, words)
