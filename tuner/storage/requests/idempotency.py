"""Find again what a request with an idempotency key has made, when it is repeated."""

import datetime as dt
import hashlib

from sqlalchemy.orm import Session

from tuner.storage.sql.tables import IdempotencyKeyRow
from tuner.storage.sql.viewers import viewer_of


def known_request(session: Session, key: str) -> IdempotencyKeyRow | None:
    """What a request with this key has made; None if there was none."""
    return session.get(IdempotencyKeyRow, _stored_key(session, key))


def remember_request(
    session: Session,
    key: str | None,
    study_id: str,
    recommendation_id: str | None = None,
    *,
    request_sha256: str = "",
) -> None:
    """Remember what a request made; without a key there is nothing to remember it by.

    Args:
        request_sha256: where the request cannot be told by what it made.

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
    """Owners choose their keys independently: one's must not find what another's has made."""
    viewer = viewer_of(session)
    if viewer is None:
        return key
    return hashlib.sha256(f"{viewer.owner}\0{key}".encode()).hexdigest()
