"""Keep the counts of a study's trials: changed by every transaction that changes a trial."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import TrialCounts, TrialFacts, count_trials
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.storage.tables import StudyRow, TrialRow


def facts_of(row: TrialRow) -> TrialFacts:
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


def count_changes(
    session: Session, study_id: str, changes: Sequence[tuple[TrialFacts | None, TrialFacts]]
) -> None:
    """Count changes of trials that this transaction has made: what each was before, and is now.

    Trials of a study that were never counted are counted one and all.
    """
    if not changes:
        return
    study = session.get_one(StudyRow, study_id)
    if study.counts is None:
        session.flush()
        count_if_uncounted(session, study_id)
        return
    counts = TrialCounts.model_validate(study.counts)
    for before, after in changes:
        counts = counts.changed(before, after)
    study.counts = counts.model_dump(mode="json")


def count_if_uncounted(session: Session, study_id: str) -> None:
    """Count all trials of a study if that was never done."""
    study = session.get_one(StudyRow, study_id)
    if study.counts is None:
        study.counts = _counted(session, study_id).model_dump(mode="json")


def counts_of(session: Session, study: StudyRecord) -> TrialCounts:
    """The counts of the study's trials, counted now if they never were."""
    return _counted(session, study.id) if study.counts is None else study.counts


def forget_counts(session: Session, states: Collection[StudyState]) -> None:
    """Have the trials of all studies in these states counted afresh.

    For the start of a coordinator: before it, one of a release that counts nothing may have led.
    """
    session.execute(update(StudyRow).where(StudyRow.state.in_(states)).values(counts=None))


def _counted(session: Session, study_id: str) -> TrialCounts:
    rows = session.execute(
        select(
            TrialRow.purpose,
            TrialRow.width,
            TrialRow.state,
            TrialRow.state_reason,
            TrialRow.step,
            TrialRow.value,
            TrialRow.started_at,
            TrialRow.finished_at,
        ).where(TrialRow.study_id == study_id)
    )
    return count_trials(
        TrialFacts(
            Purpose(purpose),
            width,
            TrialState(state),
            None if reason is None else StateReason(reason),
            step,
            value,
            started_at,
            finished_at,
        )
        for purpose, width, state, reason, step, value, started_at, finished_at in rows
    )
