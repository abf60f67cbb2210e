"""Connections whose requests begin and do not go on are closed."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import uvicorn
from fastapi import FastAPI, Request

from app.http.guard import BodyLimit
from app.http.problems import PROBLEM_JSON
from app.server import PromptProtocol
from service.sockets import listen
from tests.app.served import Served
from tests.patience import PATIENCE_SECONDS

MOST_BYTES = 1000
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


class Hasty(PromptProtocol):
    head_seconds = 0.1


@contextmanager
def connected() -> Iterator[socket.socket]:
    """A connection to a service with little patience, which says how long each body was."""
    app = FastAPI()

    @app.api_route("/", methods=["GET", "POST"])
    async def length(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit, max_body_bytes=MOST_BYTES, body_seconds=0.1)
    server = uvicorn.Server(uvicorn.Config(app, http=Hasty, log_level="critical"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with closing(
                socket.create_connection(listening.getsockname(), timeout=PATIENCE_SECONDS)
            ) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENCE_SECONDS)
    assert not thread.is_alive()


def everything_from(client: socket.socket) -> bytes:
    """What comes until the other side closes."""
    return b"".join(iter(lambda: client.recv(10_000), b""))


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /heal", b"GET / HTTP/1.1\r\nHost: loc", b"GET / HTTP/1.1\r\nHost: localhost\r\n"],
)
def test_a_head_that_does_not_arrive_closes_the_connection(begun: bytes) -> None:
    with connected() as client:
        client.sendall(begun)
        assert everything_from(client) == b""


def test_so_does_half_a_request_after_a_whole_one() -> None:
    with connected() as client:
        client.sendall(WHOLE)
        assert client.recv(10_000).startswith(b"HTTP/1.1 200")
        client.sendall(WHOLE[:9])
        assert everything_from(client) == b""


def test_a_body_that_does_not_arrive_is_answered_with_408() -> None:
    with connected() as client:
        client.sendall(BODY % 100 + b"[")
        head, _, body = everything_from(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in head.lower()
    assert "send it again" in json.loads(body)["detail"]


def test_a_body_over_the_limit_is_not_waited_for_either() -> None:
    with connected() as client:
        client.sendall(BODY % (MOST_BYTES + 1) + b"[")
        assert client.recv(10_000).startswith(b"HTTP/1.1 413")


def test_what_arrives_in_pieces_is_answered() -> None:
    with connected() as client:
        last = BODY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for piece in (WHOLE[:9], WHOLE[9:], last % 2 + b"a", b"b"):
            client.sendall(piece)
        assert everything_from(client).count(b"HTTP/1.1 200") == 2


def test_a_report_of_undeclared_length_over_the_limit_is_refused(untouched: Served) -> None:
    """Read before the routes, where nothing else makes a document of a refusal."""
    pieces = (b"x" * 10_000 for _ in range(200))
    response = untouched.client.post(
        "/v1/orders/ord_1/reports", content=pieces, headers={"content-type": "application/json"}
    )
    assert response.status_code == 413
    assert response.headers["content-type"] == PROBLEM_JSON
