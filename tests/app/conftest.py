"""A real server over a real database, for every test of the API and its pages."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import uvicorn

from app.main import create_app
from app.server import ApiServer
from app.settings import AppSettings
from tuner.database import Database, migrate, open_database


class Service(NamedTuple):
    """The API on a loopback port, its database, and a client that talks to it."""

    client: httpx.Client
    database: Database
    server: ApiServer

    @property
    def address(self) -> str:
        return str(self.client.base_url)


@contextlib.contextmanager
def serving(database: Database, settings: AppSettings) -> Iterator[Service]:
    """Serve on a free port until the block ends."""
    app = create_app(database, settings)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=5)
    server = ApiServer(config, app)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield Service(client, database, server)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def settings() -> AppSettings:
    return AppSettings(sse_poll_seconds=0.02)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'widthwise.db'}"
    migrate(url)
    opened = open_database(url, busy_timeout_seconds=5)
    yield opened
    opened.close()


@pytest.fixture
def service(database: Database, settings: AppSettings) -> Iterator[Service]:
    with serving(database, settings) as running:
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client
