"""Coordinate checks that stand alone, over HTTP: asked for, read, listed, cancelled."""

from typing import Any

import httpx
import pytest

from tests.app.served import Served
from tests.tuner.own_trainer import SHAPES
from tuner.spec.states import StudyState

CHECKS = "/v1/coordinate-checks"
GPT: dict[str, Any] = {"family": {"name": "gpt", "depth": 1}}
MLP: dict[str, Any] = {"family": {"name": "mlp"}}


def asked(client: httpx.Client, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  parts of a body
    """A check as its request was answered."""
    answer = client.post(CHECKS, json=GPT | fields)
    assert answer.status_code == 202, answer.text
    check: dict[str, Any] = answer.json()
    return check


def read(served: Served, check_id: str) -> dict[str, Any]:
    check: dict[str, Any] = served.client.get(f"{CHECKS}/{check_id}").json()
    return check


def test_a_check_is_queued_with_every_default_filled_in(served: Served) -> None:
    answer = served.client.post(CHECKS, json=GPT)
    assert answer.status_code == 202
    check = answer.json()
    assert answer.headers["location"] == check["links"]["self"] == f"{CHECKS}/{check['id']}"
    assert answer.headers["etag"].startswith(f'"{check["version"]}.')
    assert (check["state"], check["outcome"], check["fraction"]) == ("queued", None, 0)
    assert check["widths"] == [64, 128, 256, 512]
    assert (check["seeds"], check["batch_size"]) == ({"adamw": 4}, 16)
    assert (check["parametrization"], check["base_width"]) == ("mup", 64)
    assert [one["status"] for one in check["checks"]] == ["not_run"]
    assert read(served, check["id"])["id"] == check["id"]


def test_a_check_ends_with_a_verdict_in_words_and_slopes_and_without_a_trial(
    served: Served,
) -> None:
    check = asked(served.client)
    served.advance(check["id"])
    check = read(served, check["id"])
    assert (check["state"], check["outcome"], check["fraction"]) == ("completed", "passed", 1)
    (found,) = check["checks"]
    assert check["reason"] == found["summary"]
    assert (found["status"], found["causes"]) == ("passed", [])
    assert {tensor["tensor"] for tensor in found["tensors"]} >= {"embed.weight"}
    study = served.client.get(check["links"]["study"]).json()
    assert [phase["phase"] for phase in study["progress"]["phases"]] == ["check"]
    assert sum(study["progress"]["trials"].values()) == 0
    assert served.client.get(f"{check['links']['study']}/trials").json()["trials"] == []


def test_a_check_that_finds_an_error_is_completed_by_it_and_names_the_cause(
    served: Served,
) -> None:
    check = asked(served.client, optimizers=[{"name": "adamw"}, {"name": "adam"}])
    served.advance(check["id"], hidden_growth=1.0)
    check = read(served, check["id"])
    assert (check["state"], check["outcome"]) == ("completed", "failed")
    for found in check["checks"]:
        assert found["causes"] == ["a missing 1/fan_in learning rate"]
        assert found["summary"] in check["reason"]


def test_what_is_checked_is_what_was_asked_for(served: Served) -> None:
    check = asked(
        served.client,
        optimizers=[{"name": "sgd"}, {"name": "adamw"}],
        widths=[128, 64, 256],
        seeds={"adamw": 5},
        parametrization="sp",
        base_width=128,
        batch_size=4,
    )
    assert check["seeds"] == {"sgd": 8, "adamw": 5}
    assert (check["parametrization"], check["base_width"]) == ("sp", 128)
    study = served.client.get(check["links"]["study"]).json()
    assert [phase["planned"] for phase in study["progress"]["phases"]] == [6]
    assert study["spec"]["check"]["parametrization"] == "sp"
    assert study["spec"]["training"]["batch_size"] == 4


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({}, "/family", "required"),
        (GPT | {"target": {"width": 256}}, "/target", "unknown field"),
        (GPT | {"widths": [64, 65, 128]}, "/widths/1", "nearest legal width is 64"),
        (GPT | {"widths": [64, 128]}, "/widths", "at least three different widths"),
        (GPT | {"base_width": 65}, "/base_width", "nearest legal width is 64"),
        (GPT | {"seeds": {"adamw": 3}}, "/seeds/adamw", "greater than or equal to 4"),
        (GPT | {"seeds": {"sgd": 4}}, "/seeds/sgd", "not one of the study's optimizers"),
        (GPT | {"batch_size": "many"}, "/batch_size", "number"),
        (GPT | {"parametrization": "ntk"}, "/parametrization", "'mup'"),
        (GPT | {"dataset": {"name": "digits"}}, "/dataset/name", "cannot train on digits"),
        (MLP | {"optimizers": [{"name": "adamw"}] * 2}, "/optimizers/1/name", "already listed"),
        (
            {"family": {"name": "external", "shapes": SHAPES}},
            "/family/check",
            "skipped leaves nothing",
        ),
        (
            {
                "family": {"name": "external", "shapes": SHAPES, "check": "posted"},
                "parametrization": "sp",
            },
            "/parametrization",
            "use mup",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) and given.startswith("/") else "",
)
def test_what_cannot_be_checked_is_refused_where_it_was_written(
    untouched: Served, body: dict[str, Any], pointer: str, words: str
) -> None:
    refused = untouched.client.post(CHECKS, json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    found = {error["pointer"]: error["detail"] for error in refused.json()["errors"]}
    assert words in found[pointer]
    assert not any(at.startswith(("/check", "/measure", "/proxy_width")) for at in found)


def test_a_request_that_is_sent_again_gives_the_same_check(served: Served) -> None:
    key = {"Idempotency-Key": "once"}
    first = served.client.post(CHECKS, json=GPT, headers=key)
    again = served.client.post(CHECKS, json=GPT | {"batch_size": 16}, headers=key)
    assert again.json()["id"] == first.json()["id"]
    other = served.client.post(CHECKS, json=GPT | {"batch_size": 8}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/Idempotency-Key")
    assert len(served.client.get(CHECKS).json()["checks"]) == 1


def test_checks_are_listed_page_by_page_and_by_what_they_are(served: Served) -> None:
    made = [
        asked(served.client, name="first", project="vision", labels={"team": "a"}),
        asked(served.client, name="second", **MLP),
        asked(served.client, name="third", optimizers=[{"name": "sgd"}]),
    ]
    searches = served.submit()

    def ids(query: str) -> list[str]:
        return [one["id"] for one in served.client.get(f"{CHECKS}?{query}").json()["checks"]]

    first, second, third = (one["id"] for one in made)
    page = served.client.get(f"{CHECKS}?page_size=2").json()
    assert [one["id"] for one in page["checks"]] == [third, second]
    assert ids(f"page_size=2&page_token={page['next_page_token']}") == [first]
    assert ids("project=vision") == ids("label=team%3Da") == ids("name=FIR") == [first]
    assert ids("family=mlp") == [second]
    assert ids("optimizer=sgd") == [third]
    assert ids("state=completed") == []
    assert ids("state=queued&created_after=2001-01-01T00:00:00Z") == [third, second, first]
    assert ids("created_before=2001-01-01T00:00:00Z") == []

    def studies(query: str) -> list[str]:
        listed = served.client.get(f"/v1/studies?{query}").json()["studies"]
        return [one["id"] for one in listed]

    assert studies("") == [searches, third, second, first]
    assert studies("kind=search") == [searches]
    assert studies("kind=check") == [third, second, first]


def test_the_check_of_a_study_that_searches_does_not_stand_alone(served: Served) -> None:
    study_id = served.submit()
    for answer in (
        served.client.get(f"{CHECKS}/{study_id}"),
        served.client.post(f"{CHECKS}/{study_id}:cancel"),
        served.client.get(f"{CHECKS}/std_nobody"),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:widthwise:problem:check-not-found"
        assert "/v1/studies/ID/coordinate-check" in answer.json()["detail"]
    assert served.client.get(f"/v1/studies/{study_id}").json()["state"] == "queued"


def test_a_check_is_cancelled_once_and_for_good(served: Served) -> None:
    check = asked(served.client)
    path = f"{CHECKS}/{check['id']}:cancel"
    stale = served.client.post(path, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    for _ in range(2):
        cancelled = served.client.post(path)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
        assert cancelled.json()["outcome"] is None
    done = asked(served.client)
    served.advance(done["id"])
    refused = served.client.post(f"{CHECKS}/{done['id']}:cancel")
    assert (refused.status_code, "completed" in refused.json()["detail"]) == (409, True)


def test_a_check_is_paused_goes_on_and_ends_as_any_other(served: Served) -> None:
    check = asked(served.client)
    served.advance(check["id"], until=StudyState.CHECKING)
    path = f"{CHECKS}/{check['id']}"
    current = read(served, check["id"])["version"]
    stale = served.client.post(f"{path}:pause", headers={"If-Match": f'"{current + 1}"'})
    assert stale.status_code == 412
    paused = served.client.post(f"{path}:pause", headers={"If-Match": f'"{current}"'})
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert paused.headers["etag"].startswith(f'"{paused.json()["version"]}')
    retried = served.client.post(f"{path}:retry")
    assert (retried.status_code, "paused" in retried.json()["detail"]) == (409, True)
    resumed = served.client.post(f"{path}:resume")
    assert (resumed.status_code, resumed.json()["state"]) == (200, "checking")
    served.advance(check["id"])
    assert read(served, check["id"])["outcome"] == "passed"


def test_a_preview_says_what_would_run_stores_nothing_and_refuses_as_a_submission_does(
    served: Served,
) -> None:
    body = MLP | {"optimizers": [{"name": "sgd"}, {"name": "adamw"}], "widths": [64, 128, 256]}
    preview = served.client.post(f"{CHECKS}:preview", json=body)
    assert preview.status_code == 200, preview.text
    found = preview.json()
    assert {(one["optimizer"], one["width"], one["seeds"]) for one in found["checks"]} == {
        (name, width, seeds)
        for name, seeds in (("sgd", 8), ("adamw", 4))
        for width in (64, 128, 256)
    }
    assert (found["trials"], found["spec"]["stop_after"]) == (0, "check")
    assert served.client.get(CHECKS).json()["checks"] == []
    wrong = body | {"widths": [64, 128]}
    refusals = [served.client.post(path, json=wrong) for path in (CHECKS, f"{CHECKS}:preview")]
    assert [answer.status_code for answer in refusals] == [422, 422]
    assert refusals[0].json()["errors"] == refusals[1].json()["errors"]


def test_a_check_of_a_model_of_ones_own_is_decided_when_its_statistics_are_there(
    served: Served,
) -> None:
    family = {"name": "external", "shapes": SHAPES, "check": "posted"}
    check = asked(served.client, family=family, widths=[64, 128, 256])
    served.advance(check["id"], until=StudyState.CHECKING)
    waits = read(served, check["id"])
    assert (waits["state"], waits["fraction"], waits["outcome"]) == ("checking", 0, None)
    statistics = [
        {
            "tensor": tensor["name"],
            "width": width,
            "seed": seed,
            "update_rms": 0.01 * (1 + 0.001 * seed),
            "propagation_rms": 0.01 * (width**-0.5 if tensor["role"] == "output" else 1.0),
        }
        for width in (64, 128, 256)
        for seed in range(4)
        for tensor in SHAPES["tensors"]
    ]
    path = f"/v1/studies/{check['id']}/coordinate-check"
    posted = served.client.post(path, json={"optimizer": "adamw", "statistics": statistics})
    assert posted.status_code == 204, posted.text
    served.advance(check["id"])
    assert read(served, check["id"])["outcome"] == "passed"
    late = served.client.post(path, json={"optimizer": "adamw", "statistics": statistics})
    assert late.status_code == 410
    assert f"{CHECKS}/{check['id']}" in late.json()["detail"]
