"""Keep the counts of a study's trials: changed by every transaction that changes a trial."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import TrialCounts, TrialFacts, count_trials
from tuner.spec.states import Purpose, StateReason, TrialState
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
        counts = _counted(session, study_id)
    else:
        counts = TrialCounts.model_validate(study.counts)
        for before, after in changes:
            counts = counts.changed(before, after)
    study.counts = counts.model_dump(mode="json")


def counts_of(session: Session, study: StudyRecord) -> TrialCounts:
    """The counts of the study's trials, counted now if they never were."""
    return _counted(session, study.id) if study.counts is None else study.counts


def forget_counts(session: Session, state: Iterable[str]) -> None:
    """Let the trials of studies in these states be counted afresh.

    For the start of a coordinator: one of an older release, which counts nothing, may have changed
    the trials.
    """
    session.execute(update(StudyRow).where(StudyRow.state.in_(state)).values(counts=None))


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
            *rest,
        )
        for purpose, width, state, reason, *rest in rows
    )
