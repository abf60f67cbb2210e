"""The tables of access: keys, their secrets, browsers' sessions, share links.

Of a secret only its SHA-256 is stored, and the prefix that it is known by: 256 random bits need no
slow hash.
"""

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tuner.storage.sql.tables import Base


class ApiKeyRow(Base):
    """A key; never deleted, so that a service that has had one never becomes keyless."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[list[Any]]
    requests_per_minute: Mapped[int | None]
    """NULL: the service's own limit."""
    studies_per_day: Mapped[int | None]
    """NULL: any number."""
    created_by: Mapped[str | None] = mapped_column(String(40))
    """The key that made it; NULL where it was made on the server's machine."""
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 of the asking key's id and the request's idempotency key."""
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class ApiKeySecretRow(Base):
    """A secret of a key: the newest one, and those that a rotation leaves valid for a while."""

    __tablename__ = "api_key_secrets"
    __table_args__ = (Index(None, "key_id"),)

    prefix: Mapped[str] = mapped_column(String(24), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    """NULL: the secret ends with its key."""


class BrowserSessionRow(Base):
    """A browser that has shown a key, and holds a cookie since then."""

    __tablename__ = "browser_sessions"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie."""
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class ShareLinkRow(Base):
    """A link that gives read access to one study."""

    __tablename__ = "share_links"
    __table_args__ = (Index(None, "study_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(24), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
