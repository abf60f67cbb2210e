"""Count and time every request by its route, for `/metrics`."""

import re
import time
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Measured:
    """Observes the seconds until an answer's last byte was handed over.

    Args:
        registry: of the process's metrics.

    """

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self.app = app
        self._seconds = Histogram(
            "widthwise_http_request_seconds",
            "Seconds until the last byte of an answer; streams of events end with their readers.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            # Templates alone: with whole paths, clients would decide how many series there are.
            route = _template(getattr(scope.get("route"), "path", "none"))
            method = scope["method"] if route != "none" else "any"
            labelled = self._seconds.labels(method, route, str(status))
            labelled.observe(time.perf_counter() - began)


@lru_cache(maxsize=256)
def _template(path: str) -> str:
    """A route's path without the convertors of its parameters.

    >>> _template("/v1/studies/{study_id:id}")
    '/v1/studies/{study_id}'
    """
    return re.sub(r":\w+}", "}", path)
