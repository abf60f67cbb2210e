"""Answer with the API's OpenAPI description, which takes seconds to make: once."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response

from app.packed import Packed, packed, send_packed


def written(document: Mapping[str, Any]) -> bytes:
    """The document as JSON, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class Description:
    """The document that `/openapi.json` answers: made at the first request, or set before.

    Args:
        make: the document; keeps a thread busy for seconds, and the interpreter for a third of a
            second in one piece, in which nothing else is answered.

    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make
        self._turn = threading.Lock()
        self._made: Packed | None = None

    @property
    def is_made(self) -> bool:
        """True if the document is made, so that a request need not wait for it."""
        return self._made is not None

    def keep(self, document: bytes) -> None:
        """Set the document, made elsewhere without holding up a request."""
        self._made = packed(document)

    def prepared(self) -> Packed:
        """The document as it is sent; requests that come while it is made wait for it."""
        if self._made is None:
            with self._turn:
                if self._made is None:
                    self._made = packed(written(self._make()))
        return self._made

    def answer(self, request: Request) -> Response:
        """Answer a request for it; Starlette runs this in a thread."""
        return send_packed(request, self.prepared(), "application/json", {})
