"""Store a study's answer for good, and a reviewer's decision about it."""

import datetime as dt
import hashlib
import secrets
from typing import Final

from sqlalchemy.orm import Session

from parametrization.recommendation.content_hash import canonical_json
from parametrization.recommendation.reading import read_recommendation
from tuner.evidence.study_evidence import EVIDENCE_VERSION
from tuner.recommendation.recommend import Recommendation
from tuner.records.errors import IdempotencyKeyReused, RecommendationDecided, RecommendationNotFound
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.requested_target import AskedTarget
from tuner.spec.states import RecommendationState
from tuner.storage.events import EventKind, write_event
from tuner.storage.recommendations.stored import get_recommendation
from tuner.storage.requests.idempotency import known_request, remember_request
from tuner.storage.sql.tables import RecommendationRow


def stored_before(
    session: Session, study_id: str, asked: AskedTarget, idempotency_key: str | None
) -> StoredRecommendation | None:
    """The recommendation that the same request has stored before; None if the request is new.

    Raises:
        IdempotencyKeyReused: if the key was used with another request.

    """
    if idempotency_key is None:
        return None
    known = known_request(session, idempotency_key)
    if known is None:
        return None
    if known.recommendation_id is None or known.study_id != study_id:
        raise IdempotencyKeyReused(idempotency_key)
    stored = get_recommendation(session, known.recommendation_id)
    if stored.asked != asked:
        raise IdempotencyKeyReused(idempotency_key)
    return stored


def store_recommendation(
    session: Session,
    answer: Recommendation,
    asked: AskedTarget,
    *,
    idempotency_key: str | None = None,
) -> tuple[StoredRecommendation, bool]:
    """Store an answer, or find the one that the same request has stored before.

    Returns:
        The stored recommendation, and True if it is new.

    Raises:
        IdempotencyKeyReused: if the key was used with another request.

    """
    known = stored_before(session, answer.study_id, asked, idempotency_key)
    if known is not None:
        return known, False
    now = dt.datetime.now(dt.UTC)
    # Read back first: whole numbers then stand for themselves in every form, JSON and YAML.
    document = canonical_json(
        read_recommendation(answer.model_dump(mode="json")).model_dump(mode="json")
    )
    row = RecommendationRow(
        id=f"rec_{secrets.token_hex(8)}",
        study_id=answer.study_id,
        asked=asked.model_dump(mode="json", exclude_none=True),
        family=answer.family.name,
        optimizer=answer.optimizer,
        width=answer.width,
        target=answer.target.model_dump(mode="json"),
        verdict=answer.verdict,
        headline=answer.headline,
        provisional=answer.provisional,
        rule_version=answer.provenance.rule_version,
        evidence_version=EVIDENCE_VERSION,
        evidence_sha256=answer.provenance.evidence_sha256,
        sha256=hashlib.sha256(document.encode()).hexdigest(),
        document=document,
        state=RecommendationState.PENDING,
        created_at=now,
    )
    session.add(row)
    session.flush()
    remember_request(session, idempotency_key, row.study_id, row.id)
    told = {"verdict": answer.verdict, "headline": answer.headline}
    write_event(
        session,
        row.study_id,
        EventKind.RECOMMENDATION_STORED,
        {"id": row.id, "sha256": row.sha256} | told,
    )
    return get_recommendation(session, row.id), True


def approve(
    session: Session, recommendation_id: str, *, by: str, note: str
) -> StoredRecommendation:
    """Approve a recommendation; approving it again in the same words changes nothing.

    Raises:
        RecommendationNotFound: if there is none of that id.
        RecommendationDecided: if it was decided otherwise, or in other words.

    """
    return _decide(session, recommendation_id, RecommendationState.APPROVED, by, note)


def reject(session: Session, recommendation_id: str, *, by: str, note: str) -> StoredRecommendation:
    """Reject a recommendation; otherwise as `approve`."""
    return _decide(session, recommendation_id, RecommendationState.REJECTED, by, note)


_EVENTS: Final = {
    RecommendationState.APPROVED: EventKind.RECOMMENDATION_APPROVED,
    RecommendationState.REJECTED: EventKind.RECOMMENDATION_REJECTED,
}


def _decide(
    session: Session, recommendation_id: str, to: RecommendationState, by: str, note: str
) -> StoredRecommendation:
    row = session.get(RecommendationRow, recommendation_id)
    if row is None:
        raise RecommendationNotFound(recommendation_id)
    if row.state == RecommendationState.PENDING:
        row.state, row.decided_by, row.note = to, by, note
        row.decided_at = dt.datetime.now(dt.UTC)
        told = {"id": row.id, "sha256": row.sha256, "by": by, "note": note}
        write_event(session, row.study_id, _EVENTS[to], told)
    elif (row.state, row.decided_by, row.note) != (to, by, note):
        when = "" if row.decided_at is None else f" on {row.decided_at:%Y-%m-%d at %H:%M} UTC"
        decision = f"{row.state} by {row.decided_by}{when} ({row.note})"
        raise RecommendationDecided(row.id, row.study_id, decision)
    return get_recommendation(session, row.id)
