"""Addresses that events are sent to: made, listed, tested, deleted, and their deliveries."""

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.errors import IdempotencyKeyReused
from tuner.records.webhook_errors import TooManyWebhooks, WebhookNotFound
from tuner.storage.events import EventKind, StudyEvent, last_event_id
from tuner.storage.sql.tables import StudyEventRow, StudyRow
from tuner.storage.sql.viewers import LOCAL_OWNER, viewer_of
from tuner.storage.webhooks.tables import WebhookRow

MOST: Final = 20
"""Webhooks that one owner may have."""
MOST_FAILURES: Final = 20
"""Failed attempts in a row, over two days, after which nothing more is sent."""
_FIRST_WAIT: Final = dt.timedelta(seconds=5)
_LONGEST_WAIT: Final = dt.timedelta(hours=4)


class Webhook(Record):
    """A webhook without its secret."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    last_event_id: int
    pings: int
    failures: int
    next_attempt_at: dt.datetime | None
    last_delivery_at: dt.datetime | None
    last_error: str | None
    disabled_at: dt.datetime | None
    created_at: dt.datetime


def create_webhook(
    session: Session, url: str, events: Sequence[EventKind], idempotency_key: str | None = None
) -> tuple[Webhook, str]:
    """Store a webhook and say its secret; events from now on are sent to it.

    Raises:
        TooManyWebhooks: if its owner has as many as one may have.
        IdempotencyKeyReused: if the key belongs to another webhook.

    """
    owner = _owner(session)
    request_key = idempotency_key and _sha256(f"{owner}\0{idempotency_key}")
    kinds = [str(kind) for kind in dict.fromkeys(events)]
    known = request_key and session.scalar(
        select(WebhookRow).where(WebhookRow.request_key == request_key)
    )
    if known:
        if (known.url, known.events) != (url, kinds):
            raise IdempotencyKeyReused(idempotency_key or "")
        return _record(known), known.secret
    query = select(func.count()).select_from(WebhookRow).where(WebhookRow.owner == owner)
    if (session.scalar(query) or 0) >= MOST:
        raise TooManyWebhooks(MOST)
    row = WebhookRow(
        id=f"whk_{secrets.token_hex(8)}",
        owner=owner,
        url=url,
        events=kinds,
        secret=f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        request_key=request_key,
        last_event_id=last_event_id(session),
        pings=0,
        failures=0,
        created_at=dt.datetime.now(dt.UTC),
    )
    session.add(row)
    session.flush()
    return _record(row), row.secret


def list_webhooks(session: Session) -> tuple[Webhook, ...]:
    """The viewer's webhooks, newest first."""
    query = select(WebhookRow).where(_seen(session))
    newest_first = query.order_by(WebhookRow.created_at.desc(), WebhookRow.id.desc())
    return tuple(map(_record, session.scalars(newest_first)))


def get_webhook(session: Session, webhook_id: str) -> Webhook:
    """One webhook.

    Raises:
        WebhookNotFound: if the viewer has none of that id.

    """
    return _record(_row(session, webhook_id))


def delete_webhook(session: Session, webhook_id: str) -> None:
    """Delete a webhook; nothing more is sent to it.

    Raises:
        WebhookNotFound: if the viewer has none of that id.

    """
    session.delete(_row(session, webhook_id))


def ping_webhook(session: Session, webhook_id: str) -> Webhook:
    """Have a test message sent, and what is due tried at once, even if it was given up.

    Raises:
        WebhookNotFound: if the viewer has none of that id.

    """
    row = _row(session, webhook_id)
    row.pings = 1
    row.failures, row.next_attempt_at, row.disabled_at = 0, None, None
    return _record(row)


class Due(Record):
    """A message to send now."""

    webhook: Webhook
    secret: str
    event: StudyEvent | None
    """The event to send; None: the test message that was asked for."""


def due_deliveries(session: Session, now: dt.datetime, busy: Sequence[str]) -> list[Due]:
    """Messages to send now, at most one a webhook, none for the webhooks in `busy`."""
    ready = or_(WebhookRow.next_attempt_at.is_(None), WebhookRow.next_attempt_at <= now)
    query = select(WebhookRow).where(WebhookRow.disabled_at.is_(None), ready)
    found = []
    for row in session.scalars(query.where(WebhookRow.id.not_in(busy))):
        event = None if row.pings else _next_event(session, row)
        if row.pings or event is not None:
            found.append(Due(webhook=_record(row), secret=row.secret, event=event))
    return found


def store_delivery(session: Session, due: Due, error: str | None, now: dt.datetime) -> None:
    """Store the outcome of a message; a webhook that was deleted meanwhile stays deleted.

    Args:
        error: the reason why it was not delivered; None if it was.

    """
    row = session.get(WebhookRow, due.webhook.id)
    if row is None:
        return
    row.last_error = error
    if error is None:
        row.failures, row.next_attempt_at, row.last_delivery_at = 0, None, now
        if due.event is not None:
            row.last_event_id = max(row.last_event_id, due.event.id)
    elif due.event is not None:
        row.failures += 1
        row.next_attempt_at = now + wait_after(row.failures)
        if row.failures >= MOST_FAILURES:
            row.disabled_at = now
    if due.event is None:
        row.pings = 0


def wait_after(failures: int) -> dt.timedelta:
    """Time until the next attempt: twice as long each time, up to some hours."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * float(2 ** min(failures - 1, 20)))


def _next_event(session: Session, row: WebhookRow) -> StudyEvent | None:
    query = (
        select(StudyEventRow)
        .join(StudyRow, StudyRow.id == StudyEventRow.study_id)
        .where(
            StudyEventRow.id > row.last_event_id,
            StudyEventRow.kind.in_(row.events),
            StudyRow.owner == row.owner,
        )
        .order_by(StudyEventRow.id)
        .limit(1)
    )
    found = session.scalar(query)
    return None if found is None else StudyEvent.model_validate(found, from_attributes=True)


def _owner(session: Session) -> str:
    viewer = viewer_of(session)
    return LOCAL_OWNER if viewer is None else (viewer.owner or "")


def _seen(session: Session) -> ColumnElement[bool]:
    viewer = viewer_of(session)
    return true() if viewer is None else WebhookRow.owner == (viewer.owner or "")


def _row(session: Session, webhook_id: str) -> WebhookRow:
    row = session.scalar(select(WebhookRow).where(WebhookRow.id == webhook_id, _seen(session)))
    if row is None:
        raise WebhookNotFound(webhook_id)
    return row


def _record(row: WebhookRow) -> Webhook:
    return Webhook(**{name: getattr(row, name) for name in Webhook.model_fields})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
