"""A submission is stored with every default filled in, and refused where a value is of no use."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from tests.app.served import Served
from tuner.storage.sql.tables import StudyRow

MINIMAL: dict[str, Any] = {"family": {"name": "mlp"}, "target": {"width": 512}}


def test_widths_and_seeds_are_stored_as_they_will_be_run(client: httpx.Client) -> None:
    asked = MINIMAL | {"optimizers": [{"name": "adamw"}, {"name": "sgd"}], "at_target": True}
    spec = client.post("/v1/studies", json=asked).json()["spec"]
    assert spec["check"]["widths"] == [64, 128, 256, 512]
    assert spec["check"]["seeds"] == {"adamw": 4, "sgd": 8}
    assert spec["measure"]["widths"] == [64, 128, 256, 512]


def test_a_body_with_a_default_spelt_out_is_the_same_request(client: httpx.Client) -> None:
    key = {"idempotency-key": "once"}
    first = client.post("/v1/studies", json=MINIMAL, headers=key).json()
    for fields in (
        {"seed": 0},
        {"check": {"seeds": 4, "widths": [64, 128, 256, 512]}},
        {"measure": {"widths": [64, 128, 256]}, "proxy_width": 64},
        first["spec"],
    ):
        again = client.post("/v1/studies", json=MINIMAL | fields, headers=key)
        assert (again.status_code, again.json()["id"]) == (202, first["id"]), again.text
    other = client.post("/v1/studies", json=MINIMAL | {"check": {"seeds": 8}}, headers=key)
    assert other.status_code == 422


def test_a_study_stored_before_its_defaults_were_filled_in_is_read_with_them(
    served: Served,
) -> None:
    study_id = served.submit(name="old")
    path = f"/v1/studies/{study_id}"
    new = served.client.get(path).json()["spec"]
    old = new | {
        "name": "old\u202e\x1b[31m",
        "check": {"widths": [], "seeds": None},
        "measure": new["measure"] | {"widths": []},
    }
    with served.database.write() as session:
        session.execute(update(StudyRow).where(StudyRow.id == study_id).values(spec=old))
    read = served.client.get(path).json()["spec"]
    assert read == new | {"name": old["name"]}
    page = served.client.get(f"/studies/{study_id}").text
    assert "old\\u202e\\u001b[31m" in page
    assert "\u202e" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("fields", "plan"),
    [
        ({}, "adaptive"),
        ({"measure": {"seeds": 2, "grid_points": 7}}, "adaptive"),
        ({"measure": {"seeds": 3}}, "grid"),
        ({"measure": {"grid_points": 5}}, "grid"),
        ({"measure": {"grid_points": 5, "plan": "adaptive"}}, "adaptive"),
        ({"control": "sp"}, "grid"),
        ({"at_target": True}, "grid"),
    ],
    ids=json.dumps,
)
def test_the_plan_follows_from_what_is_asked_for(
    client: httpx.Client, fields: dict[str, Any], plan: str
) -> None:
    spec = client.post("/v1/studies", json=MINIMAL | fields).json()["spec"]
    assert spec["measure"]["plan"] == plan
    shown = {key: spec["measure"][key] for key in ("regret_percent", "grid_share")}
    assert shown == {"regret_percent": 1.0, "grid_share": 1.0}
    assert spec["measure"]["interval_octaves"] is None


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"target": {"width": True}}, "/target/width", "must be a number, not true"),
        ({"target": {"width": "512"}}, "/target/width", "must be a number, not text"),
        ({"seed": False}, "/seed", "must be a number, not false"),
        ({"at_target": 1}, "/at_target", "must be true or false, not 1"),
        ({"measure": {"widths": [64, True, 256]}}, "/measure/widths/1", "not true"),
        (
            {"optimizers": [{"name": "adamw", "beta1": True}]},
            "/optimizers/0/beta1",
            "must be a number, not true",
        ),
        (
            {"optimizers": [{"name": "adamw", "beta2": {"type": "float", "low": 0.9, "high": 1}}]},
            "/optimizers/0/beta2",
            "high 1: must be less than 1",
        ),
        (
            {"optimizers": [{"name": "adamw", "epsilon": 1e300}]},
            "/optimizers/0/epsilon",
            "use 0 where it is allowed, or a size from 1e-30 to 1e+30",
        ),
        ({"proxy_width": 512, "target": {"width": 64}}, "/target/width", "give 512 or more"),
        ({"name": "a\x1b[31m"}, "/name", "U+001B"),
        ({"name": "a\u2028b"}, "/name", "U+2028"),
        ({"name": "\ud800"}, "/name", "U+D800"),
        ({"labels": {"team": "a\u202eb"}}, "/labels/team", "U+202E"),
        ({"labels": {"te\u2066am": "a"}}, "/labels/te\u2066am", "U+2066"),
        ({"check": {"seeds": {"sgd": 8}}}, "/check/seeds/sgd", "not one of the study's"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(
    untouched: Served, fields: dict[str, Any], pointer: str, words: str
) -> None:
    response = untouched.client.post(
        "/v1/studies",
        content=json.dumps(MINIMAL | fields),
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 422
    errors = {error["pointer"]: error["detail"] for error in response.json()["errors"]}
    assert words in errors[pointer], errors


def test_whole_numbers_may_be_written_as_floats(client: httpx.Client) -> None:
    asked = MINIMAL | {"training": {"steps": 1e3}}
    assert client.post("/v1/studies", json=asked).json()["spec"]["training"]["steps"] == 1000


def test_a_target_narrower_than_the_proxy_is_refused_on_reading_as_on_submitting(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    response = served.client.get(f"/v1/studies/{study_id}/recommendation?width=16")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/width"
    assert error["detail"] == ("target width 16 is narrower than the proxy's 32: give 32 or more")
