"""HEAD, OPTIONS, methods that a path does not have, and the id of every request."""

import re

import httpx
import pytest

from tests.app.served import Served

STUDY = "/v1/studies/std_nobody"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/studies", "GET, HEAD, POST, OPTIONS"),
        (STUDY, "GET, HEAD, PATCH, OPTIONS"),
        (f"{STUDY}:pause", "POST, OPTIONS"),
        ("/v1/coordinate-checks", "GET, HEAD, POST, OPTIONS"),
        ("/v1/coordinate-checks/std_nobody", "GET, HEAD, OPTIONS"),
        ("/v1/coordinate-checks/std_nobody:cancel", "POST, OPTIONS"),
        (f"{STUDY}/coordinate-check", "GET, HEAD, POST, OPTIONS"),
        ("/v1/recommendations/rec_nobody:approve", "POST, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_the_methods_of_a_path_and_every_other_is_refused_with_the_same(
    untouched: Served, path: str, methods: str
) -> None:
    answered = untouched.client.options(path)
    assert (answered.status_code, answered.headers["allow"], answered.content) == (
        204,
        methods,
        b"",
    )
    refused = untouched.client.delete(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)


def test_a_path_that_leads_nowhere_has_no_methods(untouched: Served) -> None:
    assert untouched.client.options("/v1/nowhere").status_code == 404
    assert untouched.client.head("/v1/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/version", "/", "/openapi.json", STUDY])
def test_head_answers_as_get_does_without_the_body(untouched: Served, path: str) -> None:
    wanted, found = untouched.client.get(path), untouched.client.head(path)
    assert found.status_code == wanted.status_code
    assert found.content == b""
    for name in ("content-type", "content-length", "etag"):
        assert found.headers.get(name) == wanted.headers.get(name)


def test_head_of_an_unchanged_answer_is_304(untouched: Served) -> None:
    tag = untouched.client.head("/v1/studies").headers["etag"]
    again = untouched.client.head("/v1/studies", headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_head_of_an_endless_stream_ends(served: Served) -> None:
    study_id = served.submit()
    answered = served.client.head(f"/v1/studies/{study_id}/events")
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/event-stream")
    assert served.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("action", ["pause", "resume", "cancel", "lease", "nonsense"])
def test_reading_a_custom_method_is_no_reading_of_a_study(untouched: Served, action: str) -> None:
    answered = untouched.client.get(f"{STUDY}:{action}")
    assert answered.status_code == (404 if action == "nonsense" else 405)


@pytest.mark.parametrize("given", ["4bf92f3577b34da6", "a.b:c/d+e=f-g"])
def test_the_id_of_a_request_is_its_senders(untouched: Served, given: str) -> None:
    answered = untouched.client.get("/healthz", headers={"X-Request-Id": given})
    assert answered.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, 'a"; level=error'])
def test_a_request_without_a_usable_id_gets_one(untouched: Served, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    answered = untouched.client.get("/healthz", headers=headers)
    assert re.fullmatch("[0-9a-f]{16}", answered.headers["x-request-id"])


def test_refusals_have_an_id_too(untouched: Served) -> None:
    answered: httpx.Response = untouched.client.get("/healthz", headers={"Host": "evil.example"})
    assert answered.status_code == 400
    assert answered.headers["x-request-id"]


def test_the_version_names_release_and_rules(untouched: Served) -> None:
    answered = untouched.client.get("/v1/version").json()
    assert answered["rules_version"].startswith("rules-")
    assert answered["version"] == untouched.client.get("/openapi.json").json()["info"]["version"]
