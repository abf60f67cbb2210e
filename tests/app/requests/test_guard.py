"""What stands before every route keeps strange hosts, strange pages and large bodies out."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.app.served import Served


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "a b"])
def test_a_request_for_another_host_is_refused(untouched: Served, host: str) -> None:
    response = untouched.client.get("/v1/studies", headers={"host": host})
    assert response.status_code == 400
    assert "Host" in response.text


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
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
