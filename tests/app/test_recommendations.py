"""Recommendations that are stored, over HTTP."""

import ast
from typing import Any

import httpx
import pytest
import yaml

from parametrization.recommendation.content_hash import content_sha256
from tests.app.served import Served

WIDE = {"width": 512}


@pytest.fixture(scope="module")
def study(reviewed: tuple[Served, str]) -> tuple[httpx.Client, str]:
    """A client, and where a completed study's answers are stored."""
    served, study_id = reviewed
    return served.client, f"/v1/studies/{study_id}/recommendations"


def kept(study: tuple[httpx.Client, str], **body: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    client, path = study
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_stored_recommendation_is_where_its_location_says_with_its_hash(
    study: tuple[httpx.Client, str],
) -> None:
    client, path = study
    answer = client.post(path, json=WIDE)
    assert answer.status_code == 201
    stored = client.get(answer.headers["location"])
    assert stored.headers["etag"]
    document = stored.json()
    assert document["id"] == answer.json()["id"]
    assert document["sha256"] == content_sha256(document["recommendation"])
    computed = client.get(path.removesuffix("s"), params=WIDE).json()
    assert document["recommendation"] == computed
    assert document["state"] == "pending"


@pytest.mark.parametrize("body", [{}, None], ids=["an empty object", "no body"])
def test_a_target_that_is_not_given_is_the_studys_own(
    study: tuple[httpx.Client, str], body: dict[str, Any] | None
) -> None:
    client, path = study
    answer = client.post(path, json=body) if body is not None else client.post(path)
    assert answer.status_code == 201, answer.text
    assert answer.json()["target"]["width"] == 256


def test_every_form_of_a_studys_recommendation_is_that_of_a_stored_one(
    study: tuple[httpx.Client, str],
) -> None:
    client, path = study
    stored = kept(study, **WIDE)["links"]["self"]
    computed = path.removesuffix("s")
    forms = client.get("/openapi.json").json()["components"]["schemas"]["Form"]["enum"]
    assert {"json", "yaml", "python"} <= set(forms)
    for form in forms:
        of_stored = client.get(stored, params={"format": form})
        of_study = client.get(computed, params=WIDE | {"format": form})
        assert of_stored.status_code == of_study.status_code
        assert of_stored.headers["content-type"] == of_study.headers["content-type"]
        if form == "json":
            assert of_stored.json() == of_study.json()
        elif form == "yaml":
            assert yaml.safe_load(of_stored.text) == yaml.safe_load(of_study.text)
        else:
            assert of_stored.text == of_study.text
    ast.parse(client.get(stored, params={"format": "python"}).text)


def test_the_same_key_stores_once_and_another_body_is_refused(
    study: tuple[httpx.Client, str],
) -> None:
    client, path = study
    headers = {"idempotency-key": "stored once"}
    first, again = (client.post(path, json=WIDE, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = client.post(path, json={"width": 1024}, headers=headers)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/Idempotency-Key")


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"width": 100}, "/width", "nearest legal width is 96"),
        ({"width": "512"}, "/width", "must be a number, not text"),
        ({"depth": 0}, "/depth", "greater than or equal to 1"),
        ({"optimizer": "sgd"}, "/optimizer", "choose one of adamw"),
        ({"widht": 512}, "/widht", "unknown field"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_the_field(
    study: tuple[httpx.Client, str], body: dict[str, Any], pointer: str, words: str
) -> None:
    client, path = study
    before = len(client.get("/v1/recommendations").json()["recommendations"])
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["in"], error["pointer"]) == ("body", pointer)
    assert words in error["detail"]
    assert len(client.get("/v1/recommendations").json()["recommendations"]) == before


def test_before_there_is_evidence_nothing_can_be_stored(served: Served) -> None:
    study_id = served.submit()
    answer = served.client.post(f"/v1/studies/{study_id}/recommendations", json={})
    assert answer.status_code == 409
    assert answer.headers["retry-after"]
    missing = served.client.post("/v1/studies/std_none/recommendations", json={})
    assert missing.status_code == 404


def test_a_reviewer_decides_once_and_the_decision_is_shown(
    study: tuple[httpx.Client, str],
) -> None:
    client, _ = study
    own = kept(study, **WIDE)["links"]["self"]
    before = client.get(own)
    decision = {"by": "Ada", "note": "the drift is flat"}
    answers = [client.post(f"{own}:approve", json=decision) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    after = client.get(own)
    assert after.json()["state"] == "approved"
    assert after.json()["decision"]["note"] == "the drift is flat"
    assert after.json()["recommendation"] == before.json()["recommendation"]
    assert after.headers["etag"] != before.headers["etag"]
    other = client.post(f"{own}:reject", json=decision)
    assert other.status_code == 409
    assert other.json()["type"] == "urn:widthwise:problem:recommendation-decided"
    assert "store the answer again" in other.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"note": "yes"}, "/by"),
        ({"by": "Ada"}, "/note"),
        ({"by": "", "note": "yes"}, "/by"),
        ({"by": "Ada", "note": "a\u202eb"}, "/note"),
        ({"by": "Ada", "note": "x" * 2_001}, "/note"),
    ],
)
def test_a_decision_has_a_name_and_a_note(
    study: tuple[httpx.Client, str], body: dict[str, Any], pointer: str
) -> None:
    client, _ = study
    answer = client.post(f"{kept(study)['links']['self']}:approve", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_what_is_not_stored_is_404(study: tuple[httpx.Client, str]) -> None:
    client, _ = study
    decision = {"by": "Ada", "note": "yes"}
    assert client.get("/v1/recommendations/rec_none").status_code == 404
    assert client.post("/v1/recommendations/rec_none:approve", json=decision).status_code == 404


def test_stored_recommendations_are_searched_and_paged(study: tuple[httpx.Client, str]) -> None:
    client, path = study
    study_id = path.split("/")[3]
    ids = [kept(study, width=2048)["id"] for _ in range(3)]
    query: dict[str, Any] = {"family": "gpt", "width": 2048, "study": study_id, "page_size": 2}
    first = client.get("/v1/recommendations", params=query).json()
    token = {"page_token": first["next_page_token"]}
    second = client.get("/v1/recommendations", params=query | token).json()
    listed = [one["id"] for page in (first, second) for one in page["recommendations"]]
    assert listed == ids[::-1]
    assert second["next_page_token"] is None
    assert "recommendation" not in first["recommendations"][0]
    none = client.get("/v1/recommendations", params=query | {"state": "rejected"}).json()
    assert none["recommendations"] == []
    assert client.get("/v1/recommendations", params={"state": "maybe"}).status_code == 422


def test_storing_and_deciding_are_told_as_events(study: tuple[httpx.Client, str]) -> None:
    client, path = study
    stored = kept(study, **WIDE)
    client.post(f"{stored['links']['self']}:reject", json={"by": "Ada", "note": "no"})
    events = f"{path.removesuffix('/recommendations')}/events"
    told: dict[str, str] = {}
    kind = ""
    with client.stream("GET", events) as stream:
        for line in stream.iter_lines():
            kind = line.removeprefix("event: ") if line.startswith("event: ") else kind
            if line.startswith("data: ") and stored["id"] in line:
                told[kind] = line
            if "recommendation.rejected" in told:
                break
    assert stored["sha256"] in told["recommendation.stored"]
    assert '"Ada"' in told["recommendation.rejected"]


def test_what_has_changed_since_an_answer_was_stored_is_said(
    study: tuple[httpx.Client, str],
) -> None:
    client, _ = study
    stored = kept(study, **WIDE)
    found = client.get(stored["links"]["changes"]).json()
    assert (found["recommendation_id"], found["problem"]) == (stored["id"], None)
    assert found["changes"]["is_same"]
    page = client.get(f"/recommendations/{stored['id']}", headers={"accept": "text/html"}).text
    assert "Nothing has changed: the study gives the same answer today." in page
    assert client.get("/v1/recommendations/rec_0/changes").status_code == 404
