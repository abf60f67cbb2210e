"""Write the messages for webhooks, signed as the Standard Webhooks specification says.

Source: standardwebhooks.com, "Symmetric signatures": HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import datetime as dt
import hmac
import json
from typing import NamedTuple

from tuner.storage.webhooks.webhooks import Due


class Message(NamedTuple):
    """A request's headers and body."""

    headers: dict[str, str]
    body: bytes


def message(due: Due, now: dt.datetime) -> Message:
    """The message to send; sent again, it has the same id and another time."""
    event = due.event
    if event is None:
        id_ = f"{due.webhook.id}_ping_{int(now.timestamp())}"
        content = {"type": "ping", "timestamp": now.isoformat(), "data": {}}
    else:
        id_ = f"{due.webhook.id}_{event.id}"
        data = {"study_id": event.study_id, "event_id": event.id, **event.data}
        content = {"type": event.kind, "timestamp": event.created_at.isoformat(), "data": data}
    body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    seconds = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Widthwise",
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(due.secret, id_, seconds, body),
    }
    return Message(headers, body)


def signature(secret: str, id_: str, timestamp: str, body: bytes) -> str:
    """The value of the header `webhook-signature`.

    Args:
        secret: `whsec_` and the key in base64.
        timestamp: seconds since 1970, as the header has it.

    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
