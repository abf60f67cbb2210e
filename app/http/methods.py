"""Answer HEAD and OPTIONS at every path, and say which methods a path has (RFC 9110, section 9)."""

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTED = ("GET", "POST", "PUT", "PATCH", "DELETE")


def methods_at(scope: Scope) -> list[str]:
    """Every method of the scope's path; none if there is nothing at it.

    The router itself only knows those of the first route that fits.
    """
    routes = scope["app"].router.routes
    found = [
        method
        for method in _ROUTED
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    if "GET" in found:
        found.insert(1, "HEAD")
    return [*found, "OPTIONS"] if found else []


class HeadAndOptions:
    """Answers HEAD as GET without its body, and OPTIONS with the path's methods."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"] if scope["type"] == "http" else None
        if method == "HEAD" and "HEAD" in methods_at(scope):
            await self._head(scope, receive, send)
            return
        if method == "OPTIONS" and (methods := methods_at(scope)):
            response = Response(status_code=204, headers={"Allow": ", ".join(methods)})
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as reading:

            async def send_head(message: Message) -> None:
                if message["type"] != "http.response.start":
                    return
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                if _is_endless(message):
                    reading.cancel()

            await self.app({**scope, "method": "GET"}, receive, send_head)


def _is_endless(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/event-stream")
