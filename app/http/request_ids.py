"""Give every request an id, its sender's if it has one, for the answer's headers and the log.

And its span the id of its study, where OpenTelemetry is set up: FastAPI makes the span.
"""

import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from opentelemetry.trace import get_current_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.headers.raw import add_missing, answered, sent
from tuner.engine.tracing import STUDY

HEADER: Final = "X-Request-Id"
_RAW_HEADER: Final = HEADER.lower().encode()
_LINK: Final = re.compile(r"(/shared/.{16}).*")
"""Share links' addresses, of whose secret only the beginning is logged."""
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")
_STUDY: Final = re.compile(r"/studies/(std_\w+)")
_UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})

log = structlog.get_logger()


class RequestIds:
    """Adds `X-Request-Id` to every answer, and to all that is logged meanwhile.

    Args:
        access_log: write a line about every request.

    """

    def __init__(self, app: ASGIApp, *, access_log: bool) -> None:
        self.app = app
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = sent(scope, _RAW_HEADER) or ""
        request_id = given if _ACCEPTED.fullmatch(given) else secrets.token_hex(8)
        status, began = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add_missing(message, ((_RAW_HEADER, request_id.encode()),))
            await send(message)

        scope["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                if self._access_log or status == 500:
                    log.info(
                        "request",
                        method=scope["method"],
                        path=_LINK.sub(r"\1...", scope["path"]),
                        status=status,
                        milliseconds=round(1000 * (time.perf_counter() - began), 1),
                    )


def is_untraced(scope: MutableMapping[str, Any]) -> bool:
    """True if a request gets no span.

    Supervisors and scrapers ask all the time, and the path of a share link contains its secret.
    """
    path: str = scope["path"]
    return path in _UNTRACED or path.startswith("/shared/")


class NamedStudies:
    """Puts the id of a study on the request's span: of the one in its path, or that it has made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = get_current_span()
        if scope["type"] != "http" or not span.is_recording():
            await self.app(scope, receive, send)
            return

        def name_study(path: str) -> None:
            if found := _STUDY.search(path):
                span.set_attribute(STUDY, found[1])

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                name_study(answered(message, b"location") or "")
            await send(message)

        name_study(scope["path"])
        await self.app(scope, receive, noted)
