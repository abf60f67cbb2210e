"""Guard every route: the Host header, the size of the body, security headers."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_DRAINED = 32_000_000  # bytes read and thrown away, so that the answer reaches the sender


class SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class KnownHosts:
    """Refuses requests addressed to a host that this service is not known by.

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
        headers = Headers(scope=scope)
        refusal = None
        if _hostname(f"//{headers.get('host', '')}") not in self.allowed:
            refusal = (400, "unknown-host", "The Host header names a host that is not served here.")
        elif (
            scope["method"] not in _SAFE_METHODS
            and "origin" in headers
            and _place(headers["origin"]) != headers["host"].lower()
        ):
            refusal = (403, "foreign-origin", "Pages of another origin may not change anything.")
        if refusal is None:
            await self.app(scope, receive, send)
            return
        status, kind, what = refusal
        detail = f"{what} Served here: {', '.join(sorted(self.allowed))}."
        response = problem(Request(scope), status, detail, kind=kind)
        await response(scope, receive, send)


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
    """Answers 413 to a body over the limit, whether its length was declared or not."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                if message.get("more_body"):
                    await _drain(receive, received)
                raise HTTPException(413, self._detail())
            return message

        if declared.isdecimal() and int(declared) > self.max_body_bytes:
            if headers.get("expect", "").lower() != "100-continue":
                await _drain(receive, 0)
            response = problem(Request(scope), 413, self._detail())
            await response(scope, receive, send)
            return
        await self.app(scope, receive_within_limit, send)

    def _detail(self) -> str:
        return f"The body is larger than the {self.max_body_bytes:,} bytes this service takes."


async def _drain(receive: Receive, received: int) -> None:
    """Read on to the body's end: a connection closed in mid-upload loses the answer with it."""
    more = True
    while more and received < _MOST_DRAINED:
        message = await receive()
        received += len(message.get("body", b""))
        more = bool(message.get("more_body", False))
