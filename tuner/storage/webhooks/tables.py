"""The table of webhooks: the addresses that events are sent to, with the state of delivery."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tuner.storage.sql.tables import Base


class WebhookRow(Base):
    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "owner", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    """Owner of the studies whose events are sent."""
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]
    """Kinds of events."""
    secret: Mapped[str] = mapped_column(String(80))
    """The secret itself, not its SHA-256: messages are signed with it."""
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 of the owner and the request's idempotency key."""
    last_event_id: Mapped[int] = mapped_column(BigInteger)
    """Every event up to it has been delivered, or was not wanted."""
    pings: Mapped[int] = mapped_column(default=0)
    """Test messages that are due."""
    failures: Mapped[int] = mapped_column(default=0)
    """Failed attempts in a row to send the event that is due."""
    next_attempt_at: Mapped[dt.datetime | None]
    last_delivery_at: Mapped[dt.datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    """The reason why the last attempt failed, in words; NULL if it succeeded."""
    disabled_at: Mapped[dt.datetime | None]
    """Time since which nothing is sent, after too many failures; NULL while enabled."""
    created_at: Mapped[dt.datetime]
