"""Answer with the API's description of itself, which takes seconds to make: once."""

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
    """The document that `/openapi.json` answers: made by who asks first, or kept before.

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
        """Whether whoever asks has it at once."""
        return self._made is not None

    def keep(self, document: bytes) -> None:
        """Take the document from where it was made without holding anybody up."""
        self._made = packed(document)

    def prepared(self) -> Packed:
        """The document as it is sent. Who asks while it is made waits for that one."""
        if self._made is None:
            with self._turn:
                if self._made is None:
                    self._made = packed(written(self._make()))
        return self._made

    def answer(self, request: Request) -> Response:
        """Answer a request for it; Starlette runs this in a thread."""
        return send_packed(request, self.prepared(), "application/json", {})
