"""Let a study that has failed go on where it failed."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tuner.records.errors import IllegalMove
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import ACTIVE_STUDY_STATES, StudyState, TrialState
from tuner.storage.sql.tables import CoordinateCheckRow, TrialRow
from tuner.storage.studies import get_study, move_study, require_plugins, study_row
from tuner.storage.trials.restarting import restart_trials


def retry_study(session: Session, study_id: str) -> StudyRecord:
    """Go on with a failed study in the phase in which it failed; one at work stays as it is.

    Its failed trials, and those that were left undone, begin again; what has finished stays. A
    study that failed while it was checked takes its coordinate check anew.

    Raises:
        StudyNotFound: if there is none of that id.
        IllegalMove: if it has not failed.
        OtherPlugin: if it was made with another version of a plugin than the installed one.

    """
    study = get_study(session, study_id)
    if study.state in ACTIVE_STUDY_STATES:
        return study
    phase = study.resume_state or StudyState.QUEUED
    if study.state is not StudyState.FAILED:
        raise IllegalMove(study_id, study.state, phase)
    row = study_row(session, study_id)
    require_plugins(row.spec)
    if phase is StudyState.CHECKING:
        of_study = CoordinateCheckRow.study_id == study_id
        session.execute(delete(CoordinateCheckRow).where(of_study))
    failed = select(TrialRow).where(
        TrialRow.study_id == study_id, TrialRow.state == TrialState.FAIL
    )
    trials = session.scalars(failed.order_by(TrialRow.number))
    restart_trials(session, study_id, trials, "its study is tried again")
    return move_study(session, study_id, phase)
