"""Find the result of a request with an idempotency key when the request is repeated."""

import datetime as dt
import hashlib

from sqlalchemy.orm import Session

from tuner.storage.sql.tables import IdempotencyKeyRow
from tuner.storage.sql.viewers import viewer_of


def known_request(session: Session, key: str) -> IdempotencyKeyRow | None:
    """The stored result of a request with this key; None if there was no such request."""
    return session.get(IdempotencyKeyRow, _stored_key(session, key))


def remember_request(
    session: Session,
    key: str | None,
    study_id: str,
    recommendation_id: str | None = None,
    *,
    request_sha256: str = "",
) -> None:
    """Remember the result of a request by its idempotency key; without a key, do nothing.

    Args:
        request_sha256: of the request, where its result does not show what was asked for.

    """
    if key is None:
        return
    session.add(
        IdempotencyKeyRow(
            key=_stored_key(session, key),
            request_hash=request_sha256,
            study_id=study_id,
            recommendation_id=recommendation_id,
            created_at=dt.datetime.now(dt.UTC),
        )
    )


def _stored_key(session: Session, key: str) -> str:
    """The key as stored: combined with the owner, because owners choose keys independently."""
    viewer = viewer_of(session)
    if viewer is None:
        return key
    return hashlib.sha256(f"{viewer.owner}\0{key}".encode()).hexdigest()
