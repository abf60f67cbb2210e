"""Read stored trials as records, and end each once."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Select, Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from tuner.records.errors import StudyUnreadable
from tuner.records.trials import TrialRecord
from tuner.spec.states import FINAL_TRIAL_STATES, StateReason, TrialState
from tuner.storage.documents import what_is_wrong
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.column_types import UtcDateTime
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import TrialRow
from tuner.storage.sql.text import storable
from tuner.storage.trials.reported_trials import ReportedTrial
from tuner.storage.trials.trial_counts import COUNTED, facts_of, note_changes
from tuner.storage.trials.written import note_written

_RECORDS = TypeAdapter(tuple[TrialRecord, ...])


# Built once: what is asked at every report must not be put together every time.
_TABLE = cast("Table", TrialRow.__table__)
_RECORD_COLUMNS = [_TABLE.columns[name] for name in TrialRecord.model_fields]
_NUMBERED = TrialRow.number.in_(bindparam("numbers", expanding=True))
_ALL = (
    select(*_RECORD_COLUMNS)
    .where(TrialRow.study_id == bindparam("of_study"))
    .order_by(TrialRow.number)
)
_SOME = _ALL.where(_NUMBERED)
_UNFINISHED = (
    select(TrialRow)
    .where(TrialRow.study_id == bindparam("of_study"), TrialRow.state.not_in(FINAL_TRIAL_STATES))
    .order_by(TrialRow.number)
    .execution_options(populate_existing=True)  # statements past the session change trials too
)
_UNFINISHED_SOME = _UNFINISHED.where(_NUMBERED)
_START = (
    update(_TABLE)
    .where(
        TrialRow.study_id == bindparam("of_study"),
        _NUMBERED,
        TrialRow.state == TrialState.WAITING,
    )
    .values(state=TrialState.RUNNING, started_at=bindparam("now", type_=UtcDateTime))
    .returning(*(_TABLE.columns[name] for name in ("number", *COUNTED)))
)
_COUNT_RUNNING = select(func.count()).where(
    TrialRow.study_id == bindparam("of_study"), _NUMBERED, TrialRow.state == TrialState.RUNNING
)


def trials_of(
    session: Session, study_id: str, numbers: Collection[int] | None = None
) -> tuple[TrialRecord, ...]:
    """Read the trials of a study, or of these numbers, by number; () if there is no such study.

    Raises:
        StudyUnreadable: if one of them cannot be read.

    """
    if numbers is None:
        return trial_records(session, study_id, _ALL, {"of_study": study_id})
    return trial_records(
        session, study_id, _SOME, {"of_study": study_id, "numbers": sorted(numbers)}
    )


def select_trials(study_id: str) -> Select[Any]:
    """A query for the study's trials, by number."""
    return select(*_RECORD_COLUMNS).where(TrialRow.study_id == study_id).order_by(TrialRow.number)


def trial_records(
    session: Session,
    study_id: str,
    query: Select[Any],
    given: Mapping[str, object] | None = None,
) -> tuple[TrialRecord, ...]:
    """The study's trials of a query for the columns of `select_trials`, with its parameters.

    Raises:
        StudyUnreadable: if one of them cannot be read.

    """
    # As dicts: reading rows by attribute takes twice as long.
    stored = tuple(map(dict, connection_of(session).execute(query, given or {}).mappings()))
    try:
        return _RECORDS.validate_python(stored)
    except ValidationError as error:
        reason = f"its trials cannot be read: {what_is_wrong(error, stored)}"
        raise StudyUnreadable(study_id, reason) from error


def unfinished_trials(
    session: Session, study_id: str, numbers: Iterable[int] | None = None
) -> list[TrialRow]:
    """Rows of the study's trials, or of these of them, that are waiting or running, by number."""
    if numbers is None:
        return list(session.scalars(_UNFINISHED, {"of_study": study_id}))
    wanted = sorted(numbers)
    if not wanted:
        return []
    return list(session.scalars(_UNFINISHED_SOME, {"of_study": study_id, "numbers": wanted}))


def start_trials(
    session: Session, study_id: str, numbers: Collection[int], *, go_on: bool = False
) -> int:
    """Mark these trials as running; return the number of them that have not ended.

    Args:
        go_on: True if an earlier order has started all of them; then nothing is written.

    """
    given = {"of_study": study_id, "numbers": sorted(numbers)}
    connection = connection_of(session)
    if go_on and connection.scalars(_COUNT_RUNNING, given).one() == len(numbers):
        return len(numbers)
    now = dt.datetime.now(dt.UTC)
    rows = connection.execute(_START, given | {"now": now}).all()
    started = [facts_of(row) for row in rows]
    note_changes(session, study_id, [(trial.waiting(), trial) for trial in started])
    for row in rows:
        changes = {"state": TrialState.RUNNING, "started_at": now}
        note_written(session, study_id, row.number, changes)
    if len(started) == len(numbers):
        return len(started)
    return connection.scalars(_COUNT_RUNNING, given).one()  # some go on from an earlier order


def end_trial(
    session: Session,
    trial: TrialRow | ReportedTrial,
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
