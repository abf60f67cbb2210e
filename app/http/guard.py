"""Guard every route: the Host header, the body's size and its pace, security headers."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.headers.raw import add_missing, sent
from app.http.problems import problem

SECURITY_HEADERS: Final = {
    # plotly writes style attributes; everything else comes from this host's own files
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_RAW_SECURITY_HEADERS: Final = [
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
]
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SENT_ONCE: Final = frozenset(
    {b"host", b"authorization", b"x-api-key", b"content-type", b"idempotency-key", b"origin"}
)
BODY_SECONDS: Final = 120.0
"""Seconds for the whole body of a request."""
_MOST_DRAINED = 32_000_000  # bytes read and thrown away, so that the answer reaches the sender


class SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_missing(message, _RAW_SECURITY_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class KnownHosts:
    """Refuses requests addressed to a host that this service is not known by, or to several.

    Without log-in this is what keeps a web page elsewhere from driving a service on this
    machine, by pointing its own name here (DNS rebinding) or by posting across origins.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self.app = app
        self.allowed = frozenset(host.lower().strip("[]") for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host, origin = sent(scope, b"host") or "", sent(scope, b"origin")
        refusal = None
        if twice := _sent_twice(scope):
            what = f"The header {twice} is sent more than once: send it once."
            response = problem(Request(scope), 400, what, kind="repeated-header")
            await response(scope, receive, send)
            return
        if not host:
            refusal = (400, "unknown-host", "There is no Host header: name a host in it.")
        elif _hostname(f"//{host}") not in self.allowed:
            refusal = (400, "unknown-host", "The Host header names a host that is not served here.")
        elif (
            scope["method"] not in _SAFE_METHODS
            and origin is not None
            and _place(origin) != host.lower()
        ):
            refusal = (403, "foreign-origin", "Pages of another origin may not change anything.")
        if refusal is None:
            await self.app(scope, receive, send)
            return
        status, kind, what = refusal
        detail = f"{what} Served here: {', '.join(sorted(self.allowed))}."
        response = problem(Request(scope), status, detail, kind=kind)
        await response(scope, receive, send)


def _sent_twice(scope: Scope) -> str | None:
    """Name of a header that has one value and is sent with more; None if there is none.

    A proxy in front may have read another one of them than this service would.
    """
    seen = set()
    for name, _ in scope["headers"]:
        if name in _SENT_ONCE and name in seen:
            return str(name, "ascii").title()
        seen.add(name)
    return None


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _place(origin: str) -> str | None:
    """Host and port of an origin: a page of another port is another program's."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


class BodyLimit:
    """Answers 413 to a body over the limit, and 408 to one that is not there in time."""

    def __init__(
        self, app: ASGIApp, max_body_bytes: int, body_seconds: float = BODY_SECONDS
    ) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self.max_body_bytes, self.body_seconds)
        try:
            await body.require_declared_length(scope)
            await self.app(scope, body.receive, send)
        except HTTPException as refused:  # by this one, or while others read before the routes do
            status, detail = refused.status_code, refused.detail
            response = problem(Request(scope), status, detail, headers=refused.headers)
            await response(scope, receive, send)


class _Body:
    """The body of one request, as far as it has arrived."""

    def __init__(self, receive: Receive, most_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._received = 0
        self._is_whole = False

    async def require_declared_length(self, scope: Scope) -> None:
        """Refuse a body that says it is too large, before it is sent if the client asks first.

        Raises:
            HTTPException: 413.

        """
        declared = sent(scope, b"content-length") or "0"
        if not declared.isdecimal() or int(declared) <= self._most_bytes:
            return
        if (sent(scope, b"expect") or "").lower() != "100-continue":
            await self._drain()
        raise self._too_large()

    async def receive(self) -> Message:
        """The next part of the body; after the last one the client's disconnect, however late.

        Raises:
            HTTPException: 408, 413.

        """
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._next()
        except TimeoutError:
            detail = f"The body was not there within {self._seconds:g} seconds: send it again."
            raise HTTPException(408, detail, {"Connection": "close"}) from None
        if self._received > self._most_bytes:
            await self._drain()
            raise self._too_large()
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message

    async def _drain(self) -> None:
        """Read on to the end: a connection closed in mid-upload loses the answer with it."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while not self._is_whole and self._received < _MOST_DRAINED:
                    await self._next()

    def _too_large(self) -> HTTPException:
        most = self._most_bytes
        detail = f"The body is larger than the {most:,} bytes this service takes."
        return HTTPException(413, detail)
