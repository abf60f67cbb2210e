"""Webhooks of a service, and the check of what one receives."""

import base64
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from widthwise.connection import Connection, Document
from widthwise.errors import WidthwiseError

TOLERANCE_SECONDS: Final = 300.0


class Webhooks(Connection):
    """The requests about addresses that a service sends its events to."""

    def create_webhook(
        self,
        url: str,
        events: Sequence[str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Document:
        """Have events sent to an address; the answer's `secret` is shown this once.

        Args:
            events: kinds, such as `study.state`; default: those that end or decide a study.

        """
        body: Document = {"url": url} | ({} if events is None else {"events": list(events)})
        return self._post("/v1/webhooks", body, idempotency_key)

    def webhooks(self) -> list[Document]:
        """Your own webhooks, newest first, without their secrets."""
        return list(self._json("/v1/webhooks")["webhooks"])

    def webhook(self, webhook_id: str) -> Document:
        """One webhook, with the result of its last delivery."""
        return self._json(_path(webhook_id))

    def test_webhook(self, webhook_id: str) -> Document:
        """Have a `ping` sent to it, and what is due tried again at once."""
        return self._post(f"{_path(webhook_id)}:test")

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete the webhook; nothing more is sent to it."""
        self._send(self._http.build_request("DELETE", _path(webhook_id)))


def verified(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> Document:
    """The message of a request to a webhook, once its signature and its age have been checked.

    Args:
        headers: of the request, in any case.
        body: as it was received, byte for byte.
        secret: `whsec_...`, as the webhook's creation said it.
        tolerance_seconds: largest difference from now; an older request may be a replay.

    Raises:
        WidthwiseError: if the request was not sent by the service.

    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > tolerance_seconds:
        raise WidthwiseError(
            f"webhook-timestamp is {timestamp[:20]!r}, too far from now: refuse the request"
        )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{timestamp}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    shown = given.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(one.encode(), right.encode()) for one in shown):
        raise WidthwiseError(
            "webhook-signature does not match this secret and body: refuse the request"
        )
    message: Document = json.loads(body)
    return message


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{quote(webhook_id, safe='')}"
