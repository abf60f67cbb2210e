"""Answer with the API's description of itself, which takes seconds to make: once, in a thread."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response

from app.packed import Packed, packed, send_packed


class Description:
    """The document that `/openapi.json` answers, made when it is first asked for or before.

    Args:
        make: the document; keeps a thread busy for seconds.

    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make
        self._turn = threading.Lock()
        self._made: Packed | None = None

    def prepared(self) -> Packed:
        """The document as it is sent. Who asks while it is made waits for that one."""
        with self._turn:
            if self._made is None:
                text = json.dumps(self._make(), ensure_ascii=False, separators=(",", ":"))
                self._made = packed(text.encode())
            return self._made

    def answer(self, request: Request) -> Response:
        """Answer a request for it; Starlette runs this in a thread."""
        return send_packed(request, self.prepared(), "application/json", {})
