"""Name the study of a request on its span, which FastAPI makes where OpenTelemetry is set up."""

import re
from collections.abc import MutableMapping
from typing import Any, Final

from opentelemetry.trace import get_current_span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuner.engine.tracing import STUDY

_STUDY: Final = re.compile(r"/studies/(std_\w+)")
_UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})


def is_untraced(scope: MutableMapping[str, Any]) -> bool:
    """Whether supervisors and scrapers ask for it all the time: it gets no span."""
    return scope["path"] in _UNTRACED


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
                name_study(Headers(raw=message["headers"]).get("location", ""))
            await send(message)

        name_study(scope["path"])
        await self.app(scope, receive, noted)
