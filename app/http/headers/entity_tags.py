"""Entity tags of the API's answers, and requests that depend on them (RFC 9110, section 13).

A tag is a digest of the body, so that it changes whenever the body does. That of a study begins
with its version, which a change can be conditional on: progress alone changes only the rest.
"""

import hashlib
import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.headers.raw import add_missing, answered, sent

_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_DIGITS: Final = 24


def tags(header: str) -> list[str]:
    """The opaque values of a list of tags, weak or strong.

    >>> tags('W/"1.ab", "2,c"')
    ['1.ab', '2,c']
    """
    return _TAG.findall(header)


def versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that a change is conditional on; None: it is made whatever the version.

    Weak tags never match here: they promise no equal bytes.

    >>> sorted(versions('"3.ab", "nonsense", W/"4.cd"'))
    [3]
    """
    if if_match is None or if_match.strip() == "*":
        return None
    strong = re.sub(r'W/"[^"]*"', "", if_match)
    found = (tag.partition(".")[0] for tag in tags(strong))
    return frozenset(int(version) for version in found if re.fullmatch("[0-9]{1,18}", version))


class EntityTags:
    """Gives every whole JSON answer under /v1 its tag, and answers 304 if its sender has it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            send = _Tagged(scope, send)
        await self.app(scope, receive, send)


class _Tagged:
    """Holds an answer back until its body is whole; streams and errors pass."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._scope = scope
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_whole(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._answer(self._start)
        else:
            await self._send(message)

    async def _answer(self, start: Message) -> None:
        version = answered(start, b"etag")
        tag = hashlib.sha256(self._body).hexdigest()[:_DIGITS]
        if version is not None:
            tag = "".join(f"{given}." for given in tags(version)) + tag
            del MutableHeaders(scope=start)["etag"]
        tagged = (b"etag", f'"{tag}"'.encode())
        add_missing(start, (tagged, (b"cache-control", b"no-cache")))
        if self._is_known(tag):
            headers = MutableHeaders(scope=start)
            start["status"] = HTTPStatus.NOT_MODIFIED
            del headers["content-length"]
            del headers["content-type"]
            self._body = b""
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})

    def _is_known(self, tag: str) -> bool:
        """True if the request reads what its sender has already."""
        if self._scope["method"] not in ("GET", "HEAD"):
            return False
        wanted = sent(self._scope, b"if-none-match") or ""
        return wanted.strip() == "*" or tag in tags(wanted)


def _is_whole(start: Message) -> bool:
    media_type = answered(start, b"content-type") or ""
    return start["status"] in (200, 201, 202) and not media_type.startswith("text/event-stream")
