"""Checkpoints of studies that are over are deleted, and no others."""

from pathlib import Path

from tests.tuner.stored_studies import searching_study
from tuner.coordinator.checkpoint_cleanup import sweep_checkpoints
from tuner.engine.checkpoints import FileCheckpoints
from tuner.storage.sql.database import Database
from tuner.storage.studies import cancel_study


def test_only_studies_that_have_ended_lose_their_checkpoints(
    database: Database, tmp_path: Path
) -> None:
    ended, at_work = searching_study(database), searching_study(database)
    with database.write() as session:
        cancel_study(session, ended.id)
    checkpoints = FileCheckpoints(tmp_path / "checkpoints")
    sweep_checkpoints(database, checkpoints)  # nothing is stored yet
    for study_id in (ended.id, at_work.id, "std_of_another_database"):
        checkpoints.write(f"{study_id}/000000/5-1", lambda path: path.touch())
    sweep_checkpoints(database, checkpoints)
    assert checkpoints.studies() == {at_work.id, "std_of_another_database"}
