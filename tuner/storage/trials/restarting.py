"""Let trials begin again from their first step."""

from collections.abc import Iterable

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tuner.spec.states import FINAL_TRIAL_STATES, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.tables import CurveRow, TrialRow
from tuner.storage.trials.trial_counts import facts_of, note_changes


def restart_trials(
    session: Session, study_id: str, trials: Iterable[TrialRow], message: str
) -> None:
    """Forget what trials have trained, with an event for each.

    Decisions about them stay: a trial that was let past a rung is not stopped there again.

    Args:
        message: the reason, in words.

    """
    for trial in trials:
        before, step = facts_of(trial), trial.step
        if trial.state in FINAL_TRIAL_STATES:
            trial.state = TrialState.WAITING
            trial.started_at = trial.finished_at = None
        trial.state_reason = trial.message = trial.value = trial.validation_loss = None
        trial.intermediate_values, trial.step, trial.checkpoint = {}, 0, None
        session.execute(
            delete(CurveRow).where(CurveRow.study_id == study_id, CurveRow.number == trial.number)
        )
        note_changes(session, study_id, [(before, facts_of(trial))])
        data = {"number": trial.number, "step": step, "message": message}
        write_event(session, study_id, EventKind.TRIAL_RESTARTED, data)
