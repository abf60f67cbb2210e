"""Send compressed what is large: packed once where it stays the same, else as it is answered."""

import gzip
from collections.abc import Mapping
from typing import Final, NamedTuple

from fastapi import Request, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_LEVEL: Final = 6
"""Compression level of pages: a higher one takes twice as long for a hundredth of the bytes."""


class Packed(NamedTuple):
    plain: bytes
    gzipped: bytes


def packed(plain: bytes) -> Packed:
    """The content and its compressed form, to be kept."""
    return Packed(plain, gzip.compress(plain, mtime=0))


def send_packed(
    request: Request, content: Packed, media_type: str, headers: Mapping[str, str]
) -> Response:
    """An answer with the content, compressed unless the request does not accept that."""
    answered = {**headers, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(content.plain, media_type=media_type, headers=answered)
    answered["Content-Encoding"] = "gzip"
    return Response(content.gzipped, media_type=media_type, headers=answered)


class CompressedPages(GZipMiddleware):
    """Compresses pages as they are answered, and leaves the answers of the API to their tags."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
