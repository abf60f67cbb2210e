"""Give every request an id, its sender's if it has one, for the answer's headers and the log."""

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-Id"
_LINK: Final = re.compile(r"(/shared/.{16}).*")
"""Of a share link's secret only the beginning is logged."""
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")

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
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ACCEPTED.fullmatch(given) else secrets.token_hex(8)
        status, began = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
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
