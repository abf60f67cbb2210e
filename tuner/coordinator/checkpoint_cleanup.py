"""Checkpoints of studies that are over are deleted."""

import shutil
from pathlib import Path

from sqlalchemy import select

from tuner.spec.states import FINAL_STUDY_STATES
from tuner.storage.database import Database
from tuner.storage.tables import StudyRow


def sweep_checkpoints(database: Database, checkpoint_dir: Path) -> None:
    """Delete the checkpoint folder of every study that has ended."""
    folders = [path for path in checkpoint_dir.glob("std_*") if path.is_dir()]
    if not folders:
        return
    with database.read() as session:
        ended = select(StudyRow.id).where(
            StudyRow.id.in_([path.name for path in folders]), StudyRow.state.in_(FINAL_STUDY_STATES)
        )
        ended_ids = set(session.scalars(ended))
    for path in folders:
        if path.name in ended_ids:
            shutil.rmtree(path, ignore_errors=True)
