"""Browsers that have shown a key: each holds a random token, of which the SHA-256 is stored."""

import datetime as dt
import secrets
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tuner.storage.access.keys import ApiKey, get_key
from tuner.storage.access.secrets import digest
from tuner.storage.sql.access_tables import BrowserSessionRow


class OpenSession(NamedTuple):
    """A browser's session, which ends with its key at the latest."""

    expires_at: dt.datetime
    key: ApiKey


def open_session(session: Session, key_id: str, lifetime: dt.timedelta) -> str:
    """Begin a session and return its token, which is not stored; delete sessions that are over."""
    now = dt.datetime.now(dt.UTC)
    session.execute(delete(BrowserSessionRow).where(BrowserSessionRow.expires_at < now))
    token = secrets.token_urlsafe(32)
    session.add(
        BrowserSessionRow(
            sha256=digest(token), key_id=key_id, created_at=now, expires_at=now + lifetime
        )
    )
    return token


def find_session(session: Session, token: str) -> OpenSession | None:
    """The session of a token; None if there is none, or if it has ended."""
    row = session.get(BrowserSessionRow, digest(token))
    if row is None:
        return None
    return OpenSession(row.expires_at, get_key(session, row.key_id))


def end_session(session: Session, token: str) -> None:
    """Delete a session; one that does not exist is no error."""
    session.execute(delete(BrowserSessionRow).where(BrowserSessionRow.sha256 == digest(token)))
