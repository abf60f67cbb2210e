"""Webhooks: addresses that a service sends its events to."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field

from app.dependencies import Db, IdempotencyKey, Settings
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from parametrization.recommendation.record import Record
from tuner.spec.submitted import ReadableText, Submitted
from tuner.storage.events import EventKind
from tuner.storage.webhooks import webhooks
from tuner.storage.webhooks.address import refusal
from tuner.storage.webhooks.webhooks import Webhook

router = APIRouter(
    prefix="/v1/webhooks", tags=["webhooks"], route_class=JsonRoute, dependencies=[InTurn]
)

WebhookId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="An id, `whk_...`")
]
USUAL: Final = (
    EventKind.STUDY_STATE,
    EventKind.CHECK_FINISHED,
    EventKind.RECOMMENDATION_STORED,
    EventKind.RECOMMENDATION_APPROVED,
    EventKind.RECOMMENDATION_REJECTED,
    EventKind.RECOMMENDATION_OBSERVED,
)
_LOCATION: Final = {
    "Location": {"description": "Path of the webhook", "schema": {"type": "string"}}
}


class WebhookAsked(Submitted):
    """An address to send events to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://ci.example.com/hooks/1", "events": ["study.state"]}]
        }
    )

    url: Annotated[ReadableText, Field(min_length=1, max_length=2_000)]
    """With https://, and a host of the internet: none of a private network."""
    events: Annotated[list[EventKind], Field(min_length=1, max_length=len(EventKind))] = Field(
        default_factory=lambda: list(USUAL)
    )
    """Kinds of events to send."""


class WebhookRead(Record):
    id: str
    owner: str
    """Owner of the studies whose events are sent."""
    url: str
    events: tuple[str, ...]
    failures: int
    """Failed attempts in a row; after twenty nothing more is sent until the webhook is tested."""
    next_attempt_at: dt.datetime | None
    """Time of the next attempt to send what could not be delivered; null if there is none."""
    last_delivery_at: dt.datetime | None
    last_error: str | None
    """The reason why the last attempt failed; null if it succeeded."""
    disabled_at: dt.datetime | None
    """Time since which nothing is sent, after too many failures; null while enabled."""
    created_at: dt.datetime


class WebhookMade(WebhookRead):
    secret: str
    """Secret that messages are signed with: shown this once."""


class WebhookList(Record):
    webhooks: tuple[WebhookRead, ...]
    """Newest first; twenty at most."""


@router.post("", status_code=201, responses={201: {"headers": _LOCATION}})
def create_webhook(
    body: WebhookAsked,
    response: Response,
    database: Db,
    settings: Settings,
    idempotency_key: IdempotencyKey = None,
) -> WebhookMade:
    """Have events sent to an address, from now on, signed with the secret of this answer."""
    if (problem := refusal(body.url, settings.webhook_hosts)) is not None:
        refused = {"type": "value_error", "loc": ("body", "url"), "msg": problem, "input": body.url}
        raise RequestValidationError([refused], body=body.model_dump())
    with database.write() as session:
        made, secret = webhooks.create_webhook(session, body.url, body.events, idempotency_key)
    response.headers["Location"] = f"/v1/webhooks/{made.id}"
    return WebhookMade(**dict(_read(made)), secret=secret)


@router.get("")
def list_webhooks(database: Db) -> WebhookList:
    """One's own webhooks, without their secrets."""
    with database.read() as session:
        found = webhooks.list_webhooks(session)
    return WebhookList(webhooks=tuple(map(_read, found)))


@router.get("/{webhook_id:id}")
def read_webhook(webhook_id: WebhookId, database: Db) -> WebhookRead:
    """One webhook: what is sent to it, and whether that arrives."""
    with database.read() as session:
        return _read(webhooks.get_webhook(session, webhook_id))


@router.delete("/{webhook_id:id}", status_code=204)
def delete_webhook(webhook_id: WebhookId, database: Db) -> None:
    """Send nothing more to it."""
    with database.write() as session:
        webhooks.delete_webhook(session, webhook_id)


@router.post("/{webhook_id}:test", status_code=202)
def test_webhook(webhook_id: WebhookId, database: Db) -> WebhookRead:
    """Have a message of the type `ping` sent, and what is due tried again at once.

    Read the webhook a second later: `last_delivery_at` or `last_error` says what became of it.
    """
    with database.write() as session:
        return _read(webhooks.ping_webhook(session, webhook_id))


def _read(webhook: Webhook) -> WebhookRead:
    return WebhookRead(**{name: getattr(webhook, name) for name in WebhookRead.model_fields})
