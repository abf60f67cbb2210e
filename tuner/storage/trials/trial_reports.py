"""Store what a report says about trials: each step once, each end once."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from tuner.engine.checkpoints import checkpoint_uri
from tuner.engine.reports import TrialProgress
from tuner.spec.states import FINAL_TRIAL_STATES, StateReason, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.tables import TrialRow
from tuner.storage.trials.curves import append_curves
from tuner.storage.trials.rows import end_trial, trial_rows
from tuner.storage.trials.trial_counts import facts_of, note_changes


def store_progress(
    session: Session,
    study_id: str,
    goals: Mapping[int, int],
    reported: tuple[TrialProgress, ...],
) -> tuple[str, ...]:
    """Store what is new about the trials of an order.

    Args:
        goals: by trial number, the step at which the trial is complete.

    Returns:
        URIs of checkpoints that are no longer needed.

    """
    asked = [trial.number for trial in reported if trial.number in goals]
    rows = trial_rows(session, study_id, asked)
    news = [trial for trial in reported if _is_news(trial, rows.get(trial.number))]
    begun = [trial.number for trial in news if rows[trial.number].step > 0]
    append_curves(session, study_id, news, begun)
    stale: list[str] = []
    for trial in news:
        row = rows[trial.number]
        held, before = row.checkpoint, facts_of(row)
        row.step = trial.step
        row.checkpoint = written = trial.checkpoint.uri if trial.checkpoint else None
        note_changes(session, study_id, [(before, facts_of(row))])
        _advance(session, row, trial, goals[trial.number])
        unneeded = {held, written} - {row.checkpoint}
        stale += [checkpoint_uri(stored) for stored in unneeded if stored is not None]
    return tuple(stale)


def _is_news(trial: TrialProgress, row: TrialRow | None) -> bool:
    return row is not None and row.state not in FINAL_TRIAL_STATES and trial.step > row.step


def _advance(session: Session, row: TrialRow, trial: TrialProgress, goal: int) -> None:
    if trial.diverged or trial.loss is None:
        _end_diverged(session, row)
        return
    row.intermediate_values = row.intermediate_values | {str(trial.step): trial.loss}
    row.validation_loss = trial.validation_loss
    write_event(
        session,
        row.study_id,
        EventKind.TRIAL_PROGRESS,
        {"number": row.number, "step": trial.step, "loss": trial.loss},
    )
    if trial.step >= goal:
        row.checkpoint = None
        end_trial(session, row, TrialState.COMPLETE, value=trial.loss)


def _end_diverged(session: Session, row: TrialRow) -> None:
    """Diverging is a result: Optuna hears of it as pruned, so that it does not propose it again."""
    row.checkpoint = None
    row.validation_loss = None
    rate = row.hyperparameters["learning_rate"]
    end_trial(
        session,
        row,
        TrialState.PRUNED,
        reason=StateReason.DIVERGED,
        message=f"diverged at step {row.step} with learning rate {rate:.4g} at the base width",
    )
