"""The HTTP server: closes connections that do not go on, and ends with all that it has opened."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.event_feed import EventFeed

HEAD_SECONDS: Final = 30.0
"""Seconds for the request line and the headers: from the first byte, or from a new connection."""
_TURNS: Final = 4
"""Turns of the event loop; an accepted connection takes three to get its protocol."""
_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks for connections that were made as the server began to end."""


class PromptProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which waits for a request that has begun as long as it takes."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_is_there()
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ApiServer(uvicorn.Server):
    """Ends event streams, which stay open until they are told, before uvicorn waits for them.

    Connections that are being made at that moment end as well: asyncio would leave one open that
    it has accepted and not yet handed to uvicorn when the listening socket is closed
    (https://github.com/python/cpython/issues/109564), and uvicorn would wait for an idle one that
    it heard of after it had told all others to close.
    """

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, beat: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config)
        self._beat = beat
        self._feed: EventFeed = app.state.feed

    async def on_tick(self, counter: int) -> bool:
        """Beat, ten times a second, as a sign that the event loop turns."""
        self._beat()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await self._stop_accepting()
        told = set(self.server_state.connections)  # by uvicorn, before it lets anything else run
        telling = asyncio.create_task(self._close_later_ones(told))
        try:
            await super().shutdown(sockets)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            await self._drop_what_is_left()

    async def _stop_accepting(self) -> None:
        """Leave new connections to the kernel, and let those that were accepted begin."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _close_later_ones(self, told: set[Any]) -> None:
        """Close connections as uvicorn does, but for those that have been told."""
        while True:
            for connection in self.server_state.connections - told:
                told.add(connection)
                connection.shutdown()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _drop_what_is_left(self) -> None:
        """Close the sockets of answers that clients have not read in time."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the loop closes them with its next turn
