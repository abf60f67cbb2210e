"""Keep the counts of a study's trials: changed by every transaction that changes a trial."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import TrialChange, TrialCounts, TrialFacts, count_trials
from tuner.records.trials import NewTrial
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.storage.sql.at_commit import at_commit
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import StudyRow, TrialRow
from tuner.storage.trials.reported_trials import ReportedTrial

# Made once: to make them takes longer than to execute them, in every transaction of a coordinator.
_COUNTS: Final = select(StudyRow.counts).where(StudyRow.id == bindparam("study_id"))
_STORE: Final = (
    update(StudyRow.__table__)  # type: ignore[arg-type]  # declared as any FROM clause
    .where(StudyRow.id == bindparam("study_id"))
    .values(counts=bindparam("changed"))
)

COUNTED: Final = (
    "purpose",
    "width",
    "state",
    "state_reason",
    "step",
    "value",
    "started_at",
    "finished_at",
)
"""Columns of a trial that the counts depend on."""
_TRIALS: Final = select(*(TrialRow.__table__.columns[name] for name in COUNTED)).where(
    TrialRow.study_id == bindparam("study_id")
)
_READ: Final = "counts as this transaction has read them"


def facts_of(row: TrialRow | ReportedTrial | Row[Any]) -> TrialFacts:
    """The facts of a trial, as it is now, that are counted."""
    return TrialFacts(
        purpose=Purpose(row.purpose),
        width=row.width,
        state=TrialState(row.state),
        reason=None if row.state_reason is None else StateReason(row.state_reason),
        step=row.step,
        value=row.value,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def facts_of_new(trial: NewTrial) -> TrialFacts:
    """The facts of a trial that has just been asked for."""
    return TrialFacts(
        purpose=trial.purpose,
        width=trial.width,
        state=TrialState.WAITING,
        reason=None,
        step=0,
        value=None,
        started_at=None,
        finished_at=None,
    )


def note_read(session: Session, study_id: str, counts: dict[str, Any] | None) -> None:
    """Note the counts as stored: with other columns they are read at no cost.

    Only one transaction writes at a time, so they stay true until this one changes them.
    """
    session.info.setdefault(_READ, {})[study_id] = counts


def note_changes(session: Session, study_id: str, changes: Iterable[TrialChange]) -> None:
    """Note changes of trials that this transaction has made.

    They are counted all at once when the transaction is committed.
    """
    at_commit(session, _store_counts).extend((study_id, change) for change in changes)


def _store_counts(session: Session, noted: list[tuple[str, TrialChange]]) -> None:
    """Count the changes that this transaction has noted.

    Trials of a study that were never counted are counted one and all.
    """
    for study_id in dict.fromkeys(study_id for study_id, _ in noted):
        counts = _stored(session, study_id)
        if counts is None:
            counts = _counted(session, study_id)
        else:
            counts = counts.changed(change for of_study, change in noted if of_study == study_id)
        _store(session, study_id, counts)


def count_if_uncounted(session: Session, study_id: str) -> None:
    """Count all trials of a study if that was never done."""
    if _stored(session, study_id) is None:
        _store(session, study_id, _counted(session, study_id))


def _stored(session: Session, study_id: str) -> TrialCounts | None:
    read: dict[str, dict[str, Any] | None] = session.info.get(_READ, {})
    if study_id in read:
        stored = read[study_id]
    else:
        stored = connection_of(session).scalar(_COUNTS, {"study_id": study_id})
    return None if stored is None else TrialCounts.model_validate(stored)


def _store(session: Session, study_id: str, counts: TrialCounts) -> None:
    changed = {"study_id": study_id, "changed": counts.model_dump(mode="json")}
    connection_of(session).execute(_STORE, changed)
    session.info.get(_READ, {}).pop(study_id, None)


def counts_of(session: Session, study: StudyRecord) -> TrialCounts:
    """The counts of the study's trials, counted now if they never were."""
    return _counted(session, study.id) if study.counts is None else study.counts


def forget_counts(session: Session, states: Collection[StudyState]) -> None:
    """Have the trials of all studies in these states counted afresh.

    For the start of a coordinator: before it, one of a release that counts nothing may have led.
    """
    session.execute(update(StudyRow).where(StudyRow.state.in_(states)).values(counts=None))
    session.info.pop(_READ, None)


def _counted(session: Session, study_id: str) -> TrialCounts:
    rows = connection_of(session).execute(_TRIALS, {"study_id": study_id})
    return count_trials(map(facts_of, rows))
