"""Trials as stored: read as records, ended once."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tuner.records.snapshot import TrialRecord
from tuner.spec.states import FINAL_TRIAL_STATES, StateReason, TrialState
from tuner.storage.events import EventKind, write_event
from tuner.storage.tables import TrialRow
from tuner.storage.text import storable
from tuner.storage.trial_counts import facts_of, note_changes

_RECORDS = TypeAdapter(tuple[TrialRecord, ...])


def trials_of(session: Session, study_id: str) -> tuple[TrialRecord, ...]:
    """Every trial of the study, by number; () if there is no such study."""
    return trial_records(session, select_trials(study_id))


def select_trials(study_id: str) -> Select[Any]:
    """A query for the study's trials, by number."""
    return (
        select(*(TrialRow.__table__.columns[name] for name in TrialRecord.model_fields))
        .where(TrialRow.study_id == study_id)
        .order_by(TrialRow.number)
    )


def trial_records(session: Session, query: Select[Any]) -> tuple[TrialRecord, ...]:
    """The trials of such a query."""
    # As dicts: reading rows by attribute takes twice as long.
    return _RECORDS.validate_python(tuple(map(dict, session.execute(query).mappings())))


def unfinished_trials(
    session: Session, study_id: str, numbers: Collection[int] | None = None
) -> list[TrialRow]:
    """Rows of the study's trials, or of these of them, that are waiting or running, by number."""
    query = select(TrialRow).where(
        TrialRow.study_id == study_id, TrialRow.state.not_in(FINAL_TRIAL_STATES)
    )
    if numbers is not None:
        query = query.where(TrialRow.number.in_(numbers))
    return list(session.scalars(query.order_by(TrialRow.number)))


def end_trial(
    session: Session,
    trial: TrialRow,
    state: TrialState,
    *,
    reason: StateReason | None = None,
    message: str | None = None,
    value: float | None = None,
) -> None:
    """Bring a trial to its final state, with its event: the only function that does."""
    assert trial.state not in FINAL_TRIAL_STATES, "a trial ends once"
    assert state in FINAL_TRIAL_STATES, "an ended trial is in a final state"
    before = facts_of(trial)
    trial.state = state
    trial.state_reason = reason
    trial.message = storable(message)
    trial.value = value
    trial.finished_at = dt.datetime.now(dt.UTC)
    note_changes(session, trial.study_id, [(before, facts_of(trial))])
    write_event(
        session,
        trial.study_id,
        EventKind.TRIAL_STATE,
        {
            "number": trial.number,
            "purpose": trial.purpose,
            "width": trial.width,
            "state": state,
            "reason": reason,
            "value": value,
        },
    )
