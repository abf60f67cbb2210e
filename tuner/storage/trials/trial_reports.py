"""Store what reports say about trials: each step once, each end once."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from tuner.engine.checkpoints import checkpoint_uri
from tuner.engine.reports import TrialProgress
from tuner.spec.states import FINAL_TRIAL_STATES, StateReason, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.database import connection_of
from tuner.storage.trials.curves import append_curves
from tuner.storage.trials.reported_trials import ReportedTrial, reported_trials, write_trials
from tuner.storage.trials.rows import end_trial
from tuner.storage.trials.trial_counts import facts_of, note_changes
from tuner.storage.trials.written import note_written


def store_progress(
    session: Session,
    study_id: str,
    goals: Mapping[int, int],
    reported: Sequence[TrialProgress],
) -> tuple[str, ...]:
    """Store what is new about trials.

    Args:
        goals: by trial number, the step at which the trial is complete.
        reported: of trials that have goals, in the order in which it happened.

    Returns:
        URIs of checkpoints that are no longer needed.

    """
    connection = connection_of(session)
    trials = reported_trials(connection, study_id, {progress.number for progress in reported})
    begun = [number for number, trial in trials.items() if trial.step > 0]
    news: list[TrialProgress] = []
    stale: list[str] = []
    for progress in reported:
        trial = trials.get(progress.number)
        if trial is None or not _is_news(progress, trial):
            continue
        news.append(progress)
        held, before = trial.checkpoint, facts_of(trial)
        trial.step = progress.step
        trial.checkpoint = written = progress.checkpoint.uri if progress.checkpoint else None
        note_changes(session, study_id, [(before, facts_of(trial))])
        _advance(session, trial, progress, goals[progress.number])
        unneeded = {held, written} - {trial.checkpoint}
        stale += [checkpoint_uri(stored) for stored in unneeded if stored is not None]
    append_curves(session, study_id, news, begun)
    changed = [trials[number] for number in dict.fromkeys(one.number for one in news)]
    write_trials(connection, changed)
    for trial in changed:
        note_written(session, study_id, trial.number, trial.as_read())
    return tuple(stale)


def _is_news(progress: TrialProgress, trial: ReportedTrial) -> bool:
    return trial.state not in FINAL_TRIAL_STATES and progress.step > trial.step


def _advance(session: Session, trial: ReportedTrial, progress: TrialProgress, goal: int) -> None:
    if progress.diverged or progress.loss is None:
        _end_diverged(session, trial)
        return
    trial.intermediate_values = trial.intermediate_values | {str(progress.step): progress.loss}
    trial.validation_loss = progress.validation_loss
    write_event(
        session,
        trial.study_id,
        EventKind.TRIAL_PROGRESS,
        {"number": trial.number, "step": progress.step, "loss": progress.loss},
    )
    if progress.step >= goal:
        trial.checkpoint = None
        end_trial(session, trial, TrialState.COMPLETE, value=progress.loss)


def _end_diverged(session: Session, trial: ReportedTrial) -> None:
    """End a trial as diverged: a result, which Optuna hears of as pruned and so avoids."""
    trial.checkpoint = None
    trial.validation_loss = None
    rate = trial.hyperparameters["learning_rate"]
    end_trial(
        session,
        trial,
        TrialState.PRUNED,
        reason=StateReason.DIVERGED,
        message=f"diverged at step {trial.step} with learning rate {rate:.4g} at the base width",
    )
