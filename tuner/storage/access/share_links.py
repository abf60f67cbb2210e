"""Links that give read access to one study: made, listed, revoked, and found."""

import datetime as dt
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.access_errors import ShareLinkNotFound
from tuner.storage.access.secrets import SHARE, Secret, new_secret
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
    session: Session, study_id: str, name: str, lifetime: dt.timedelta
) -> tuple[ShareLink, Secret]:
    """Make a link to a study, and its secret, which is stored nowhere.

    Raises:
        StudyNotFound: if there is none of that id.

    """
    get_study(session, study_id)
    now, secret = dt.datetime.now(dt.UTC), new_secret(SHARE)
    row = ShareLinkRow(
        id=f"shr_{secrets.token_hex(8)}",
        study_id=study_id,
        name=name,
        prefix=secret.prefix,
        sha256=secret.sha256,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return _record(row), secret


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
