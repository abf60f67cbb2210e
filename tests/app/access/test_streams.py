"""Streams of events end with what opened them, and leave nothing behind."""

import asyncio
import gc
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from app.auth import streams
from tests.app.access.keyed import client_of, made_key, submitted
from tests.app.served import Served
from tests.patience import PATIENCE_SECONDS

TIMES = 150


@pytest.fixture(autouse=True)
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.05)


def lines_to_the_end(response: httpx.Response) -> Iterator[str]:
    """What comes until the service ends the stream; a stream that goes on fails by its time."""
    yield from response.iter_lines()


@pytest.mark.parametrize("path", ["/v1/events", "/v1/studies/{}/events"])
def test_a_stream_ends_when_its_key_is_revoked(
    served: Served, admin: httpx.Client, path: str
) -> None:
    key, secret = made_key(served.database, "submit", owner="ana")
    with client_of(served, secret) as ana:
        study_id = submitted(ana)
        with ana.stream("GET", path.format(study_id), params={"after": 0}) as response:
            lines = lines_to_the_end(response)
            assert any(line.startswith("id: ") for line in lines)
            assert admin.post(f"/v1/api-keys/{key.id}:revoke").is_success
            assert not any("study.paused" in line for line in lines)  # all there was, to its end
        assert ana.get(f"/v1/studies/{study_id}").status_code == 401


def test_a_stream_that_needed_no_key_ends_when_the_first_one_is_made(served: Served) -> None:
    study_id = served.submit()
    with served.client.stream("GET", f"/v1/studies/{study_id}/events") as response:
        lines = lines_to_the_end(response)
        assert next(lines)
        made_key(served.database, owner="operator")
        list(lines)


def test_streams_that_come_and_go_leave_nothing_behind(served: Served) -> None:
    study_id = served.submit()
    host, port = served.address.removeprefix("http://").split(":")
    request = f"GET /v1/studies/{study_id}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()

    def come_and_go() -> None:
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            assert connection.recv(64).startswith(b"HTTP/1.1 200")

    come_and_go()
    before = _kept()
    for _ in range(TIMES):
        come_and_go()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _kept() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _kept() <= before


def _kept() -> int:
    """Queues of streams, and tasks, that are still there."""
    gc.collect()
    return sum(issubclass(type(one), asyncio.Queue | asyncio.Task) for one in gc.get_objects())
