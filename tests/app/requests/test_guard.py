"""What stands before every route keeps strange hosts, strange pages and large bodies out."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.app.served import Served
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "a b"])
def test_a_request_for_another_host_is_refused(untouched: Served, host: str) -> None:
    response = untouched.client.get("/v1/studies", headers={"host": host})
    assert response.status_code == 400
    assert "Host" in response.text


def test_a_request_without_a_host_is_told_to_name_one(untouched: Served) -> None:
    """As clients of HTTP/1.0 send it."""
    answer = answer_to(untouched, b"GET /v1/version HTTP/1.0\r\n\r\n")
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"There is no Host header: name a host in it." in answer


def test_a_request_for_two_hosts_is_refused(untouched: Served) -> None:
    head = b"GET /v1/version HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nHost: evil\r\n\r\n"
    answer = answer_to(untouched, head)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"The header Host is sent more than once: send it once." in answer


def answer_to(served: Served, request: bytes) -> bytes:
    address = urlsplit(served.address)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Idempotency-Key", ("a", "b")),
        ("Authorization", ("Bearer wwk_a", "Bearer wwk_b")),
        ("X-Api-Key", ("wwk_a", "wwk_b")),
        ("Content-Type", ("application/json", "text/plain")),
        ("Origin", ("http://localhost", "http://evil.example")),
    ],
)
def test_a_header_that_has_one_value_is_refused_if_it_is_sent_twice(
    untouched: Served, name: str, values: tuple[str, str]
) -> None:
    """A proxy in front may have read the other one."""
    response = untouched.client.post(
        "/v1/studies:preview",
        headers=[(name, value) for value in values],
        content=b"{}",
    )
    assert response.status_code == 400
    assert response.json()["type"] == "urn:widthwise:problem:repeated-header"
    assert response.json()["detail"] == f"The header {name} is sent more than once: send it once."


def test_a_header_that_is_a_list_may_be_sent_in_parts(untouched: Served) -> None:
    headers = [("Accept", "text/html"), ("Accept", "application/json"), ("If-None-Match", '"a"')]
    headers.append(("If-None-Match", '"b"'))
    assert untouched.client.get("/v1/studies", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/studies/", "/healthz/", "/workers/", "/v1/studies///"])
def test_a_slash_at_the_end_is_another_address_and_the_answer_says_so(
    untouched: Served, path: str
) -> None:
    response = untouched.client.get(path)
    assert response.status_code == 404
    assert f"Leave out the slash at its end: {path.rstrip('/')}. " in response.json()["detail"]
    assert "slash" not in untouched.client.get("/v1/nothing").json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8321"])
def test_a_request_for_this_host_is_served(untouched: Served, host: str) -> None:
    assert untouched.client.get("/v1/studies", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:1", "http://localhost", "null", "http://[broken", ""],
)
def test_a_page_of_another_origin_can_change_nothing(untouched: Served, origin: str) -> None:
    path = "/v1/studies/std_nobody:cancel"
    refused = untouched.client.post(path, headers={"origin": origin})
    assert refused.status_code == 403
    own = untouched.client.post(path, headers={"origin": untouched.address})
    assert own.status_code == 404


@pytest.mark.parametrize("path", ["/", "/v1/studies", "/v1/nothing", "/openapi.json"])
def test_every_answer_carries_the_security_headers(untouched: Served, path: str) -> None:
    headers = untouched.client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_large_body_is_refused_before_it_is_sent(untouched: Served) -> None:
    """As curl asks: it waits for a go-ahead that must not come."""
    address = urlsplit(untouched.address)
    with socket.create_connection(
        (address.hostname, address.port), timeout=PATIENCE_SECONDS
    ) as connection:
        connection.sendall(
            b"POST /v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
