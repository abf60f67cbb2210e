"""The evidence of studies as stored: written by the coordinator, read by every answer.

Evidence that is missing, of another version or out of date is computed from the trials by the same
function: whatever happens to the stored one, no answer is lost or wrong, only slower.
"""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from tuner.evidence.sensitivity import SensitivityCurve
from tuner.evidence.study_evidence import (
    EVIDENCE_VERSION,
    EvidenceSummary,
    StudyEvidence,
    study_evidence,
)
from tuner.records.snapshot import StudyRecord
from tuner.records.trial_counts import TrialCounts
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.storage.sql.tables import StudyEvidenceRow, StudyRow
from tuner.storage.studies import read_snapshot
from tuner.storage.trials.trial_counts import count_if_uncounted

_CURVES = TypeAdapter(tuple[SensitivityCurve, ...])
_WITHOUT_TRIALS = (StudyState.QUEUED, StudyState.CHECKING)
_TRAINING = (StudyState.SEARCHING, StudyState.MEASURING)


class EvidenceAge(NamedTuple):
    """The age of a study's stored evidence."""

    study_id: str
    has_ended: bool
    """True if the study has ended: evidence computed after that stays up to date."""
    is_old: bool
    """True if the evidence is missing, or was computed by other code, for another version of the
    study, or from another number of finished trials."""
    phase_ended: bool
    """True if the study has changed its state since the evidence was computed."""


class Settled(NamedTuple):
    """The key of all answers about a study that has ended: equal keys, equal answers."""

    study_id: str
    study_version: int
    evidence_version: int
    computed_at: dt.datetime


def settled(session: Session, study_id: str) -> Settled | None:
    """The key of answers about a study; None while it may change or has no stored evidence."""
    row = session.execute(
        select(StudyRow.version, StudyEvidenceRow.updated_at)
        .join(StudyEvidenceRow, StudyEvidenceRow.study_id == StudyRow.id)
        .where(StudyRow.id == study_id, StudyRow.state.in_(FINAL_STUDY_STATES))
        .where(StudyEvidenceRow.version == EVIDENCE_VERSION)
    ).one_or_none()
    return None if row is None else Settled(study_id, row.version, EVIDENCE_VERSION, row.updated_at)


def read_summary(session: Session, study: StudyRecord) -> EvidenceSummary:
    """The evidence of a study, without its curves.

    While trials run, it is as of the coordinator's last summary, and `finished_trials` says how
    many it includes; of every other study it includes all trials.
    """
    stored = _document(session, study, StudyEvidenceRow.summary)
    if stored is not None:
        try:
            return EvidenceSummary.model_validate_json(stored)
        except ValidationError:  # the version was not raised when the record changed
            pass
    return study_evidence(read_snapshot(session, study.id)).summary


def read_evidence(session: Session, study: StudyRecord) -> StudyEvidence:
    """The evidence of a study, with its curves; otherwise as `read_summary`."""
    curves = _document(session, study, StudyEvidenceRow.curves)
    if curves is not None:
        try:
            return StudyEvidence(read_summary(session, study), _CURVES.validate_json(curves))
        except ValidationError:  # the version was not raised when the record changed
            pass
    return study_evidence(read_snapshot(session, study.id))


def store_evidence(session: Session, study: StudyRecord, evidence: StudyEvidence) -> None:
    """Store the evidence of a study as it was read; count its trials if that was never done."""
    count_if_uncounted(session, study.id)
    values = {
        "version": EVIDENCE_VERSION,
        "finished_trials": evidence.summary.finished_trials,
        "study_version": study.version,
        "summary": evidence.summary.model_dump_json(),
        "curves": _CURVES.dump_json(evidence.curves).decode(),
        "updated_at": dt.datetime.now(dt.UTC),
    }
    # Not loaded first: the documents are long.
    renewed = (
        update(StudyEvidenceRow)
        .where(StudyEvidenceRow.study_id == study.id)
        .values(values)
        .returning(StudyEvidenceRow.study_id)
    )
    if session.scalar(renewed) is None:
        session.add(StudyEvidenceRow(study_id=study.id, **values))


def evidence_ages(
    session: Session, ended: Collection[str] | None = None
) -> tuple[EvidenceAge, ...]:
    """Age of the evidence of studies that have trials and may get more, the oldest first.

    Args:
        ended: ids of further studies, which may have ended; None for all that have.

    """
    query = (
        select(
            StudyRow.id,
            StudyRow.state,
            StudyRow.version,
            StudyRow.counts,
            StudyEvidenceRow.version,
            StudyEvidenceRow.study_version,
            StudyEvidenceRow.finished_trials,
        )
        .outerjoin(StudyEvidenceRow, StudyEvidenceRow.study_id == StudyRow.id)
        .where(StudyRow.state.not_in(_WITHOUT_TRIALS))
        .order_by(StudyEvidenceRow.updated_at.nulls_first(), StudyRow.id)
    )
    if ended is not None:
        unfinished = StudyRow.state.not_in(FINAL_STUDY_STATES)
        query = query.where(or_(StudyRow.id.in_(ended), unfinished))
    return tuple(_age(*row) for row in session.execute(query))


def _age(  # the columns of one row
    study_id: str,
    state: str,
    study_version: int,
    counts: dict[str, Any] | None,
    version: int | None,
    of_study_version: int | None,
    of_finished: int | None,
) -> EvidenceAge:
    finished = None if counts is None else TrialCounts.model_validate(counts).finished
    now = EVIDENCE_VERSION, study_version, finished
    return EvidenceAge(
        study_id=study_id,
        has_ended=state in FINAL_STUDY_STATES,
        is_old=(version, of_study_version, of_finished) != now,
        phase_ended=of_study_version is not None and of_study_version != study_version,
    )


def _document(
    session: Session, study: StudyRecord, column: InstrumentedAttribute[str]
) -> str | None:
    """A stored document; None if it is too old for an answer."""
    row = session.execute(
        select(
            StudyEvidenceRow.version,
            StudyEvidenceRow.study_version,
            StudyEvidenceRow.finished_trials,
            column,
        ).where(StudyEvidenceRow.study_id == study.id)
    ).one_or_none()
    if row is None:
        return None
    version, study_version, finished, document = row
    if (version, study_version) != (EVIDENCE_VERSION, study.version):
        return None
    has_every_trial = study.counts is not None and finished == study.counts.finished
    return document if has_every_trial or study.state in _TRAINING else None
