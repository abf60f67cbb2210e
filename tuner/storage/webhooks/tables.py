"""The table of addresses that events are sent to, and how far each has got."""

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
    """Whose studies' events are sent."""
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]
    """Kinds of events."""
    secret: Mapped[str] = mapped_column(String(80))
    """As it is: what is sent is signed with it."""
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 of the owner and the request's idempotency key."""
    last_event_id: Mapped[int] = mapped_column(BigInteger)
    """Every event up to it has been delivered, or was not wanted."""
    pings: Mapped[int] = mapped_column(default=0)
    """Test messages that are due."""
    failures: Mapped[int] = mapped_column(default=0)
    """In a row, of the event that is due."""
    next_attempt_at: Mapped[dt.datetime | None]
    last_delivery_at: Mapped[dt.datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    """In words, why the last attempt failed; NULL after one that did not."""
    disabled_at: Mapped[dt.datetime | None]
    """Since when nothing is sent, after too many failures."""
    created_at: Mapped[dt.datetime]
