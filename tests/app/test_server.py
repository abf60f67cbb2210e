"""The server ends with everything that it has opened, whenever a client connects."""

import asyncio
import contextlib
import socket

import pytest
import uvicorn

from app.main import create_app
from app.server import ApiServer
from app.settings import AppSettings
from service.sockets import listen
from tests.patience import PATIENCE_SECONDS
from tuner.storage.sql.database import Database


class EndsAtOnce(ApiServer):
    """Ends so many turns of its loop after a client has connected."""

    turns: int
    address: tuple[str, int]
    client: socket.socket

    async def main_loop(self) -> None:
        self.client = socket.create_connection(self.address)
        for _ in range(self.turns):
            await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_made_as_the_server_ends_is_closed(database: Database, turns: int) -> None:
    """Without a time limit for open connections: an idle one may not hold the server up."""
    app = create_app(database, AppSettings())
    server = EndsAtOnce(uvicorn.Config(app, log_level="critical"), app)
    with listen("127.0.0.1", 0) as listening:
        server.turns, server.address = turns, listening.getsockname()
        server.run(sockets=[listening])
    with contextlib.closing(server.client) as client:
        client.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(ConnectionResetError):  # it was never accepted
            assert client.recv(1) == b"", "nothing was asked"
    assert not server.server_state.connections


def test_an_answer_that_nobody_reads_is_dropped_in_the_end(database: Database) -> None:
    app = create_app(database, AppSettings())
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0)
    server = EndsAtOnce(config, app)
    with listen("127.0.0.1", 0) as listening:
        server.turns, server.address = 6, listening.getsockname()
        server.run(sockets=[listening])
    server.client.close()
    assert not server.server_state.connections
