"""Webhooks over HTTP: the secret is shown once, and each owner has their own."""

import httpx
import pytest

from tests.app.served import Served

URL = "https://ci.example.com/hook"


def test_a_webhook_from_creation_to_deletion(ana: httpx.Client, ben: httpx.Client) -> None:
    made = ana.post("/v1/webhooks", json={"url": URL, "events": ["study.state"]})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    for answer in (ana.get(path), ana.get("/v1/webhooks"), ana.post(f"{path}:test")):
        assert answer.is_success
        assert secret not in answer.text
    assert ben.get("/v1/webhooks").json() == {"webhooks": []}
    for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}:test")):
        assert ben.request(method, where).status_code == 404
    assert ana.delete(path).status_code == 204
    assert ana.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "https://example.com/\r\nHost: inside"}, "/url"),
        ({"url": URL, "events": []}, "/events"),
        ({"url": URL, "events": ["no.such"]}, "/events/0"),
        ({}, "/url"),
    ],
)
def test_what_cannot_be_sent_to_is_refused(
    served: Served, body: dict[str, object], pointer: str
) -> None:
    refused = served.client.post("/v1/webhooks", json=body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
