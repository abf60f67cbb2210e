"""Every error of every route is one shape of document."""

import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.errors import STATUS_OF
from app.http.problems import PROBLEM_JSON
from tests.app.described import operations
from tests.app.served import Served
from tuner.records import access_errors, check_errors, errors, webhook_errors

FIELDS = {"type", "title", "status", "detail", "instance", "errors"}


def check_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM_JSON
    document: dict[str, Any] = json.loads(response.content)
    assert document.keys() == FIELDS
    assert document["status"] == status
    assert document["type"] == "about:blank" or document["type"].startswith("urn:widthwise:")
    assert document["instance"] == response.request.url.path
    assert document["title"]
    assert document["detail"]
    for error in document["errors"]:
        assert error.keys() == {"in", "pointer", "code", "detail"}
    return document


BODIES: Final[dict[str, dict[str, Any]]] = {
    "/v1/studies/{study_id}/recommendation": {
        "target_config": {"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2},
        "batch_size": 8,
        "tokens": 1_000_000,
    },
    "/v1/studies/{study_id}": {"priority": 1},
    "/v1/studies/{study_id}/trials": {"trials": [{"learning_rate": 0.004}]},
    "/v1/studies/{study_id}/trials:import": {"form": "csv", "content": "value\n1.0\n"},
    "/v1/studies/{study_id}:lease": {"worker": "node-1", "ttl_seconds": 60},
    "/v1/studies/{study_id}/coordinate-check": {
        "optimizer": "adamw",
        "statistics": [
            {"tensor": "w", "width": 32, "seed": 0, "update_rms": 1.0, "propagation_rms": None}
        ],
    },
}
"""What routes that take a body are sent: one is read before its study is looked for."""


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_route_of_an_unknown_study_answers_404_in_the_one_shape(
    untouched: Served, method: str, path: str
) -> None:
    if "{study_id}" in path:
        address = path.replace("{study_id}", "std_nobody").replace("{link_id}", "shr_1")
        body = BODIES.get(path) if method in ("POST", "PATCH") else None
        document = check_problem(untouched.client.request(method, address, json=body), 404)
        assert document["type"] == "urn:widthwise:problem:study-not-found"


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_route_refuses_other_methods_and_names_its_own(
    untouched: Served, method: str, path: str
) -> None:
    response = untouched.client.request("PUT", path.replace("{study_id}", "std_nobody"))
    document = check_problem(response, 405)
    assert method in response.headers["allow"].split(", ")
    assert method in document["detail"]


def test_a_path_that_leads_nowhere_is_a_problem(untouched: Served) -> None:
    document = check_problem(untouched.client.get("/v2/studies"), 404)
    assert "/v2/studies" in document["detail"]


def test_a_fault_of_the_service_is_a_problem_that_tells_nothing_of_its_inside(
    untouched: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("app.routes.workers.workers", fail)
    document = check_problem(untouched.client.get("/v1/workers"), 500)
    assert "secret" not in json.dumps(document)
    for _ in range(20):  # the server closes such a connection, and says so
        untouched.client.get("/v1/workers")
        assert untouched.client.get("/healthz").status_code == 200


def test_every_error_of_the_tuner_has_a_status_of_its_own() -> None:
    kinds = {
        kind
        for module in (errors, access_errors, check_errors, webhook_errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, errors.TunerError)
    }
    # The coordinator's, what StudyUnreadable and OrderUnreadable are raised from, and what the
    # route of reports answers as a bad field of its body.
    inner = {
        errors.LeadershipLost,
        errors.OrderUnreadable,
        errors.DocumentUnreadable,
        errors.ReportRefused,
    }
    assert kinds - inner == STATUS_OF.keys()


def test_every_kind_of_problem_is_documented_with_its_status() -> None:
    documentation = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for kind, answer in STATUS_OF.items():
        if kind is not errors.TunerError:
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
            assert f"| `{name}` | {answer.status} |" in documentation


def test_somebody_who_opens_a_page_sees_the_problem_as_a_page(untouched: Served) -> None:
    response = untouched.client.get("/studies/std_nobody", headers={"accept": "text/html"})
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "There is no study" in response.text
