"""Delete the checkpoints of studies that are over."""

from sqlalchemy import select

from tuner.engine.checkpoints import CheckpointStore
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyRow


def sweep_checkpoints(database: Database, checkpoints: CheckpointStore) -> None:
    """Delete everything that is stored of every study that has ended."""
    stored = checkpoints.studies()
    if not stored:
        return
    with database.read() as session:
        ended = select(StudyRow.id).where(
            StudyRow.id.in_(stored), StudyRow.state.in_(FINAL_STUDY_STATES)
        )
        ended_ids = set(session.scalars(ended))
    for study_id in ended_ids:
        checkpoints.delete_study(study_id)
