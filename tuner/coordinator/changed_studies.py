"""Pause studies whose code has changed under them, while the coordinator runs."""

from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database
from tuner.storage.studies import park_study


def park_changed(database: Database, active: ActiveStudies | None = None) -> None:
    """Pause every active study whose plugins or own task are no longer those it was made with.

    Args:
        active: studies that have been read before; saves time and changes nothing else.

    """
    with database.read() as session:
        changed = list((active or ActiveStudies()).changed(session))
    for study_id, words in changed:
        with database.write() as session:
            park_study(session, study_id, words)
