"""The HTTP server, which ends its event streams before it waits for open connections."""

import socket

import uvicorn
from fastapi import FastAPI

from app.event_feed import EventFeed


class ApiServer(uvicorn.Server):
    """uvicorn waits for open responses before it tells the app to shut down.

    Event streams stay open until they are told, so they are told here.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._feed: EventFeed = app.state.feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)
