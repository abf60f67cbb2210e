"""Hostile requests are answered with 4xx, in one shape, and delay nobody else."""

import gzip
import json
import socket
import zlib
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from app.http.problems import PROBLEM_JSON
from tests.app.served import Served
from tests.patience import PATIENCE_SECONDS

HELD = 64
"""Connections that are held open at once."""


def sent(served: Served, data: bytes) -> bytes:
    """What comes back for bytes that no client library would send."""
    where = urlsplit(served.address)
    with socket.create_connection(
        (where.hostname, where.port), timeout=PATIENCE_SECONDS
    ) as connection:
        connection.sendall(data)
        received = b""
        while b"\r\n\r\n" not in received and (some := connection.recv(65_536)):
            received += some
        return received


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/assets/../../pyproject.toml",
        "/assets/%2e%2e/%2e%2e/pyproject.toml",
        "/studies/..%2f..%2fetc%2fpasswd",
        "/v1/studies/%c0%ae%c0%ae%2fetc",
        "/v1/studies/std_1%00.json",
        "/v1/recommendations/%2e%2e",
        "/shared/..%2f..%2flogin",
        "//127.0.0.1/v1/nothing",
        "/v1/studies/" + "a" * 5_000,
    ],
    ids=range(10),
)
def test_a_path_that_leads_elsewhere_is_found_nowhere(untouched: Served, path: str) -> None:
    answer = sent(untouched, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer.split()[1] in {b"400", b"404", b"422"}, answer[:200]
    assert b"root:" not in answer


@pytest.mark.parametrize("where", ["X-Request-Id", "Idempotency-Key", "Last-Event-ID", "X-Api-Key"])
@pytest.mark.parametrize("given", ["a\rSet-Cookie: x=1", "\x1b[31mred", "a\tb", "\u20ac" * 3])
def test_a_header_goes_into_no_answer_and_no_other_header(
    untouched: Served, where: str, given: str
) -> None:
    lines = ("GET /v1/studies HTTP/1.1", "Host: localhost", f"{where}: {given}", "", "")
    answer = sent(untouched, "\r\n".join(lines).encode())
    assert answer.split()[1] in {b"200", b"400", b"422"}
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in head
    assert b"\x1b" not in answer


@pytest.mark.parametrize(
    "way_back", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nX-Evil: 1"]
)
def test_a_log_in_leads_back_to_this_host_alone(served: Served, way_back: str) -> None:
    answer = served.client.get("/login", params={"next": way_back}, follow_redirects=False)
    assert "x-evil" not in answer.headers
    assert answer.headers.get("location", "/") == "/"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_packed_body_is_not_unpacked(untouched: Served, name: str) -> None:
    """A megabyte of zeros packed twice is a kilobyte."""
    plain = b'{"name": "' + b"0" * 50_000_000 + b'"}'
    body = zlib.compress(plain) if name == "deflate" else gzip.compress(plain, compresslevel=1)
    headers = {"content-type": "application/json", "content-encoding": name}
    answer = untouched.client.post("/v1/studies", content=body[:900_000], headers=headers)
    assert answer.status_code == 415
    assert answer.headers["content-type"] == PROBLEM_JSON
    assert "Content-Encoding" in answer.json()["detail"]


def many_names(last: str) -> str:
    names = [f"n{number}" for number in range(50_000)]
    return "{" + ", ".join(f'"{name}": 0' for name in (*names, last)) + "}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(many_names("n49999"), id="the last of many names twice"),
        pytest.param(many_names("other"), id="many unknown names"),
        pytest.param('{"a":' * 90_000 + "1" + "}" * 90_000, id="deep objects"),
        pytest.param(json.dumps({"labels": {"\x00": "x"}}), id="NUL in a label"),
        pytest.param(json.dumps({"name": "a\u202eb\r\nc"}), id="control characters in a name"),
        pytest.param('{"name": "\\ud800"}', id="half a character"),
        pytest.param('{"seed": NaN}', id="NaN"),
        pytest.param('{"seed": -Infinity}', id="infinity"),
        pytest.param('{"seed": 1e999999}', id="a number beyond all"),
        pytest.param('{"__proto__": {"admin": true}}', id="prototype"),
    ],
)
def test_a_body_that_is_made_to_hurt_is_refused(untouched: Served, body: str) -> None:
    """Within a minute, a thousand times what it takes, as work quadratic in the body is not."""
    client = untouched.client
    answer = client.post(
        "/v1/studies",
        content=body.encode(),
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code in {400, 413, 422}
    assert answer.headers["content-type"] == PROBLEM_JSON
    assert "\x00" not in answer.text
    assert client.get("/v1/studies").json()["studies"] == []


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /v1/stu", id="half a line"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: loc", id="half a header"),
        pytest.param(
            b"POST /v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{",
            id="half a body",
        ),
    ],
)
def test_connections_that_say_little_keep_nobody_waiting(served: Served, begun: bytes) -> None:
    """And the service ends while they are there: `serving` requires that."""
    where = urlsplit(served.address)
    with ExitStack() as held:
        for _ in range(HELD):
            address = (where.hostname or "", where.port or 0)
            connection = held.enter_context(
                socket.create_connection(address, timeout=PATIENCE_SECONDS)
            )
            connection.sendall(begun)
        assert served.client.get("/healthz").status_code == 200
        assert served.client.post("/v1/studies", json={}).status_code == 422
