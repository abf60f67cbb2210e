"""Keep the counts of a study's trials: changed by every transaction that changes a trial."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import TrialCounts, TrialFacts, count_trials
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.storage.sql.at_commit import at_commit
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
"""Columns of a trial that counts depend on."""
_TRIALS: Final = select(*(TrialRow.__table__.columns[name] for name in COUNTED)).where(
    TrialRow.study_id == bindparam("study_id")
)


def facts_of(row: TrialRow | ReportedTrial | Row[Any]) -> TrialFacts:
    """What is counted of a trial as it is now."""
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


def note_changes(
    session: Session, study_id: str, changes: Iterable[tuple[TrialFacts | None, TrialFacts]]
) -> None:
    """Note changes of trials that this transaction has made: what each was before, and is now.

    They are counted all at once when the transaction is committed.
    """
    at_commit(session, _store_counts).extend((study_id, *change) for change in changes)


def _store_counts(session: Session, noted: list[tuple[str, TrialFacts | None, TrialFacts]]) -> None:
    """Count the changes that this transaction has noted.

    Trials of a study that were never counted are counted one and all.
    """
    for study_id in dict.fromkeys(study_id for study_id, _, _ in noted):
        counts = _stored(session, study_id)
        if counts is None:
            session.flush()
            counts = _counted(session, study_id)
        else:
            for of_study, before, after in noted:
                if of_study == study_id:
                    counts = counts.changed(before, after)
        _store(session, study_id, counts)


def count_if_uncounted(session: Session, study_id: str) -> None:
    """Count all trials of a study if that was never done."""
    if _stored(session, study_id) is None:
        _store(session, study_id, _counted(session, study_id))


def _stored(session: Session, study_id: str) -> TrialCounts | None:
    stored = session.connection().scalar(_COUNTS, {"study_id": study_id})
    return None if stored is None else TrialCounts.model_validate(stored)


def _store(session: Session, study_id: str, counts: TrialCounts) -> None:
    changed = {"study_id": study_id, "changed": counts.model_dump(mode="json")}
    session.connection().execute(_STORE, changed)


def counts_of(session: Session, study: StudyRecord) -> TrialCounts:
    """The counts of the study's trials, counted now if they never were."""
    return _counted(session, study.id) if study.counts is None else study.counts


def forget_counts(session: Session, states: Collection[StudyState]) -> None:
    """Have the trials of all studies in these states counted afresh.

    For the start of a coordinator: before it, one of a release that counts nothing may have led.
    """
    session.execute(update(StudyRow).where(StudyRow.state.in_(states)).values(counts=None))


def _counted(session: Session, study_id: str) -> TrialCounts:
    rows = session.connection().execute(_TRIALS, {"study_id": study_id})
    return count_trials(map(facts_of, rows))
