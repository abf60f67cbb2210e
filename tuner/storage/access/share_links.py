"""Links that give read access to one study: made, listed, revoked, and found."""

import datetime as dt
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.access_errors import ShareLinkNotFound
from tuner.records.errors import IdempotencyKeyReused
from tuner.storage.access.secrets import SHARE, Secret, digest, new_secret
from tuner.storage.sql.access_tables import ShareLinkRow
from tuner.storage.studies import get_study


class ShareLink(Record):
    """A share link without its secret."""

    id: str
    study_id: str
    name: str
    prefix: str
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None

    def is_usable(self, now: dt.datetime) -> bool:
        """True if the link is neither revoked nor expired at `now`."""
        return self.revoked_at is None and now < self.expires_at


def create_link(
    session: Session,
    study_id: str,
    name: str,
    lifetime: dt.timedelta,
    *,
    idempotency_key: str | None = None,
) -> tuple[ShareLink, Secret]:
    """Make a link to a study, and its secret, which is stored nowhere.

    A request that is repeated with its idempotency key gives the link that it has made, with a new
    secret in place of the one whose answer was lost.

    Raises:
        StudyNotFound: if there is none of that id.
        IdempotencyKeyReused: if the idempotency key was used with another request.

    """
    get_study(session, study_id)
    now, secret = dt.datetime.now(dt.UTC), new_secret(SHARE)
    link_id = _id(study_id, idempotency_key)
    row = session.get(ShareLinkRow, link_id)
    if row is None:
        row = ShareLinkRow(
            id=link_id,
            study_id=study_id,
            name=name,
            created_at=now,
            expires_at=now + lifetime,
        )
        session.add(row)
    elif (row.name, row.expires_at - row.created_at) != (name, lifetime):
        raise IdempotencyKeyReused(str(idempotency_key))
    row.prefix, row.sha256 = secret.prefix, secret.sha256
    session.flush()
    return _record(row), secret


def _id(study_id: str, idempotency_key: str | None) -> str:
    """The id of a link: of the request that asks for it, where that can be repeated."""
    if idempotency_key is None:
        return f"shr_{secrets.token_hex(8)}"
    asked_by = digest(f"{study_id}\0{idempotency_key}")
    return f"shr_{asked_by[:16]}"


def list_links(session: Session, study_id: str) -> tuple[ShareLink, ...]:
    """Every link of a study, newest first, including expired and revoked ones.

    Raises:
        StudyNotFound: if there is none of that id.

    """
    get_study(session, study_id)
    query = select(ShareLinkRow).where(ShareLinkRow.study_id == study_id)
    newest_first = query.order_by(ShareLinkRow.created_at.desc(), ShareLinkRow.id.desc())
    return tuple(_record(row) for row in session.scalars(newest_first))


def revoke_link(session: Session, study_id: str, link_id: str) -> ShareLink:
    """Revoke a link for good; revoking it again changes nothing.

    Raises:
        StudyNotFound: if there is no study of that id.
        ShareLinkNotFound: if the study has no such link.

    """
    get_study(session, study_id)
    row = session.get(ShareLinkRow, link_id)
    if row is None or row.study_id != study_id:
        raise ShareLinkNotFound(link_id, study_id)
    if row.revoked_at is None:
        row.revoked_at = dt.datetime.now(dt.UTC)
    return _record(row)


def find_link(session: Session, prefix: str) -> tuple[str, ShareLink] | None:
    """SHA-256 of the secret with this prefix, and its link; None if there is none."""
    row = session.scalar(select(ShareLinkRow).where(ShareLinkRow.prefix == prefix))
    return None if row is None else (row.sha256, _record(row))


def _record(row: ShareLinkRow) -> ShareLink:
    return ShareLink(**{name: getattr(row, name) for name in ShareLink.model_fields})
