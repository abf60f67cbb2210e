"""The HTTP server, which ends its event streams before it waits for open connections."""

import asyncio
import contextlib
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from app.event_feed import EventFeed

_LOOK_SECONDS: Final = 0.05
"""Between two looks for connections that were made as the server began to end."""


class ApiServer(uvicorn.Server):
    """uvicorn waits for open responses before it tells the app to shut down.

    Event streams stay open until they are told, so they are told here. A connection that was
    accepted and not yet set up when uvicorn told all others to close is told as well: an idle one
    would otherwise keep the server for as long as its client likes, and be left open by it.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._feed: EventFeed = app.state.feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        told = set(self.server_state.connections)  # by uvicorn, before it lets anything else run
        telling = asyncio.create_task(self._close_later_ones(told))
        try:
            await super().shutdown(sockets)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            await self._drop_what_is_left()

    async def _close_later_ones(self, told: set[Any]) -> None:
        """Close connections as uvicorn does, but for those that have been told."""
        while True:
            for connection in self.server_state.connections - told:
                told.add(connection)
                connection.shutdown()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _drop_what_is_left(self) -> None:
        """Close the sockets of answers that nobody has read in the time that there was."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the loop closes them with its next turn
