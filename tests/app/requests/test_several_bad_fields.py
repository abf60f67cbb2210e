"""All fields of a body that are bad by themselves are listed at once, one entry each."""

import httpx
import pytest

from app.http.field_errors import MOST_ERRORS
from tests.app.served import Served

MLP = {"family": {"name": "mlp"}, "target": {"width": 512}}
GPT = {"family": {"name": "gpt"}, "target": {"width": 512}}


@pytest.fixture
def client(untouched: Served) -> httpx.Client:
    return untouched.client


def test_every_bad_field_is_named_once(client: httpx.Client) -> None:
    spec = GPT | {"target": {"width": 100}, "proxy_width": 17, "base_width": 3}
    pointers = [
        error["pointer"] for error in client.post("/v1/studies", json=spec).json()["errors"]
    ]
    assert pointers == ["/target/width", "/proxy_width", "/base_width"]


def test_a_wrong_json_type_hides_no_other_bad_field(client: httpx.Client) -> None:
    spec = {
        "family": {"name": "gpt", "head_size": "16", "heads": 2},
        "target": {"width": True, "depth": 0, "steps": 8},
        "optimizers": [
            {"name": "adamw", "beta1": "0.9", "beta2": 1.5, "learning_rate": {"low": 2, "high": 1}}
        ],
        "training": {"steps": "60", "schedule": {"warmup_fraction": "0", "final_fraction": 7}},
        "measure": {"widths": [64, "128", 0], "plan": 3},
    }
    errors = client.post("/v1/studies", json=spec).json()["errors"]
    assert {error["pointer"]: error["code"] for error in errors} == {
        "/family/head_size": "type",
        "/family/heads": "unknown",
        "/target/width": "type",
        "/target/depth": "range",
        "/optimizers/0/beta1": "type",
        "/optimizers/0/beta2": "range",
        "/optimizers/0/learning_rate": "rule",
        "/training/steps": "type",
        "/training/schedule/warmup_fraction": "type",
        "/training/schedule/final_fraction": "range",
        "/measure/widths/1": "type",
        "/measure/widths/2": "range",
        "/measure/plan": "choice",
    }
    assert len(errors) == 13
    assert client.get("/v1/studies").json()["studies"] == []


def test_what_depends_on_a_value_of_a_wrong_type_is_not_judged(client: httpx.Client) -> None:
    """`true` is read as no width: 1 would be narrower than the proxies."""
    spec = MLP | {"target": {"width": True}, "proxy_width": 64}
    errors = client.post("/v1/studies", json=spec).json()["errors"]
    assert [error["pointer"] for error in errors] == ["/target/width"]


def test_a_body_full_of_errors_is_answered_with_the_first_hundred(client: httpx.Client) -> None:
    spec = MLP | {f"unknown {i}": i for i in range(40_000)}
    response = client.post("/v1/studies", json=spec)
    assert response.status_code == 422
    assert len(response.json()["errors"]) == MOST_ERRORS
    assert len(response.content) < 20_000
