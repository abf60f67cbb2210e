"""What a study would run, before it is queued."""

import math

import pytest

from app.liveness import COORDINATOR
from tests.app.served import SPEC, Served
from tuner.spec.families.registry import FAMILIES
from tuner.storage.heartbeats import beat

MINIMAL = {"family": {"name": "mlp"}, "target": {"width": 512, "tokens": 10**6}}


def test_a_preview_counts_trials_flops_and_the_share_of_the_target(untouched: Served) -> None:
    found = untouched.client.post("/v1/studies:preview", json=MINIMAL).json()
    assert {of["purpose"] for of in found["planned"]} == {"search", "measure"}
    search = found["planned"][0]
    # 64 inputs, three layers of the proxy width 64, ten classes.
    parameters = (64 * 64 + 64) + 2 * (64 * 64 + 64) + 64 * 10 + 10
    assert (search["width"], search["trials"], search["parameters"]) == (64, 16, parameters)
    assert search["flops"] == 16 * 6 * parameters * 200 * 16
    assert found["tuning_flops"] == sum(of["flops"] for of in found["planned"])
    assert found["trials"] == sum(of["trials"] for of in found["planned"])
    target = (64 * 512 + 512) + 2 * (512 * 512 + 512) + 512 * 10 + 10
    assert (found["target_parameters"], found["target_flops"]) == (target, 6 * target * 10**6)
    share = 100 * found["tuning_flops"] / found["target_flops"]
    assert found["share_percent"] == pytest.approx(share)
    assert untouched.client.get("/v1/studies").json()["studies"] == []


def test_a_preview_shows_the_study_as_it_would_be_stored(served: Served) -> None:
    previewed = served.client.post("/v1/studies:preview", json=MINIMAL).json()
    stored = served.client.post("/v1/studies", json=MINIMAL).json()
    assert previewed["spec"] == stored["spec"]


def test_searches_propose_larger_batches_where_slots_are_gpus_unless_they_say_theirs(
    served: Served,
) -> None:
    """Stored with the study, so that what is proposed does not follow the slots of the moment."""
    key = {"Idempotency-Key": "submitted while there was a core"}
    first = served.client.post("/v1/studies", json=MINIMAL, headers=key).json()
    assert first["spec"]["search"]["batch_size"] == 8
    with served.database.write() as session:
        beat(session, "cuda-0", "cuda:0", None, None)
    said = MINIMAL | {"search": {"batch_size": 8}}
    for path in ("/v1/studies", "/v1/studies:preview"):
        sizes = [
            served.client.post(path, json=body).json()["spec"]["search"]["batch_size"]
            for body in (MINIMAL, MINIMAL | {"search": {"trials": 40}}, said)
        ]
        assert sizes == [32, 32, 8], path
    again = served.client.post("/v1/studies", json=MINIMAL, headers=key).json()
    assert (again["id"], again["spec"]) == (first["id"], first["spec"])


def test_a_preview_says_that_the_answer_will_abstain(untouched: Served) -> None:
    far = MINIMAL | {"target": {"width": 512, "tokens": 10**9}}
    told = [
        untouched.client.post("/v1/studies:preview", json=body).json()["abstains"]
        for body in (MINIMAL | {"target": {"width": 512}}, far)
    ]
    assert told[0] == []
    assert "tokens 3,200 in the proxies, 1,000,000,000 in the target" in told[1][0]


def test_a_preview_of_a_bad_study_is_refused_as_its_submission_is(untouched: Served) -> None:
    bad = MINIMAL | {"proxy_width": 1024}
    refusals = [
        untouched.client.post(path, json=bad).json()["errors"]
        for path in ("/v1/studies:preview", "/v1/studies")
    ]
    assert refusals[0] == refusals[1]
    assert refusals[0][0]["pointer"] == "/target/width"


@pytest.mark.parametrize("name", [name for name, one in FAMILIES.items() if one.builder])
def test_every_built_in_family_is_counted_without_a_model(untouched: Served, name: str) -> None:
    body = {"family": {"name": name}, "target": {"width": 512}}
    found = untouched.client.post("/v1/studies:preview", json=body).json()
    assert found["share_percent"] > 0
    assert found["time"] is None
    assert any("no slot is at work" in note for note in found["notes"])


def test_wider_proxies_cost_more_and_narrow_the_expected_interval(untouched: Served) -> None:
    shares, octaves = [], []
    for width in (32, 64, 128):
        body = MINIMAL | {"proxy_width": width}
        found = untouched.client.post("/v1/studies:preview", json=body).json()
        shares.append(found["share_percent"])
        octaves.append(found["interval"]["octaves"])
    assert shares == sorted(shares)
    assert octaves == sorted(octaves, reverse=True)


def test_the_time_is_told_from_trials_that_trained_here(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id)
    with served.database.write() as session:
        beat(session, COORDINATOR, "coordinator", None, None)
        for slot in ("cpu-0", "cpu-1"):
            beat(session, slot, "cpu", None, None)
    found = served.client.post("/v1/studies:preview", json=SPEC).json()
    time = found["time"]
    assert time["slots"] == 2
    assert time["seconds"] == pytest.approx(time["slot_seconds"] / 2)
    assert 0 < time["seconds"] < 3600
    other = served.client.post("/v1/studies:preview", json=MINIMAL).json()
    assert other["time"] is None
    assert any("family mlp has trained here yet" in note for note in other["notes"])


def test_a_model_of_ones_own_is_counted_by_its_shapes(untouched: Served) -> None:
    shapes = {
        "base_width": 64,
        "tensors": [
            {
                "name": "up.weight",
                "role": "input",
                "base_shape": [64, 10],
                "infinite": [True, False],
                "fan_in_axis": 1,
                "fan_out_axis": 0,
            },
            {
                "name": "out.weight",
                "role": "output",
                "base_shape": [3, 64],
                "infinite": [False, True],
                "fan_in_axis": 1,
                "fan_out_axis": 0,
            },
        ],
    }
    body = {"family": {"name": "external", "shapes": shapes}, "target": {"width": 512}}
    found = untouched.client.post("/v1/studies:preview", json=body).json()
    assert found["planned"][0]["parameters"] == 64 * 13
    assert found["target_parameters"] == 512 * 13


BUDGETED = MINIMAL | {"target": {"width": 512, "tokens": 10**7}, "budget": {"flops_percent": 5}}


def test_a_budget_plans_a_study_and_its_preview_alike(served: Served) -> None:
    previewed = served.client.post("/v1/studies:preview", json=BUDGETED).json()
    key = {"idempotency-key": "budgeted"}
    first, again = (
        served.client.post("/v1/studies", json=BUDGETED, headers=key).json() for _ in range(2)
    )
    assert first["id"] == again["id"]
    assert first["spec"] == previewed["spec"]
    assert first["spec"]["training"]["steps"] > 200
    assert previewed["share_percent"] <= 5
    stored = served.client.post("/v1/studies", json=first["spec"], headers=key).json()
    assert stored["id"] == first["id"]


def test_a_budget_that_is_too_small_is_refused_with_what_it_takes(untouched: Served) -> None:
    bad = BUDGETED | {"budget": {"flops_percent": 1e-4}}
    for path in ("/v1/studies:preview", "/v1/studies"):
        response = untouched.client.post(path, json=bad)
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["pointer"] == "/budget/flops_percent"
        assert "the cheapest plan takes" in error["detail"]


def test_a_cost_without_a_price_is_refused_and_with_its_own_is_stored(untouched: Served) -> None:
    body = BUDGETED | {"budget": {"cost": 100}}
    (error,) = untouched.client.post("/v1/studies", json=body).json()["errors"]
    assert error["pointer"] == "/budget/cost"
    assert "set WIDTHWISE_PRICE_PER_HOUR" in error["detail"]
    priced = BUDGETED | {"budget": {"cost": 100, "price_per_hour": 2}}
    found = untouched.client.post("/v1/studies:preview", json=priced).json()
    assert found["spec"]["budget"]["price_per_hour"] == 2
    assert any("budget of 100 at 2 an hour of a slot" in note for note in found["notes"])


def test_dynamics_count_in_a_previews_cost_and_in_a_budget(served: Served) -> None:
    asked = {"family": {"name": "mlp"}, "target": {"width": 512, "tokens": 10**7}}
    without, with_it = (
        served.client.post("/v1/studies:preview", json=asked | {"dynamics": dynamics}).json()
        for dynamics in (False, {"looks": 8, "examples": 256})
    )
    assert without["dynamics_flops"] is None
    assert with_it["dynamics_flops"] > 0
    assert with_it["tuning_flops"] == pytest.approx(
        without["tuning_flops"] + with_it["dynamics_flops"]
    )
    assert with_it["share_percent"] > without["share_percent"]
    budget = {"budget": {"flops_percent": with_it["share_percent"]}}
    plain, looked = (
        served.client.post("/v1/studies:preview", json=asked | budget | {"dynamics": one}).json()
        for one in (False, with_it["spec"]["dynamics"])
    )
    assert max(plain["share_percent"], looked["share_percent"]) <= with_it["share_percent"]
    trained = [math.fsum(of["flops"] for of in plan["planned"]) for plan in (looked, plain)]
    assert trained[0] < trained[1]


def test_a_study_stops_at_its_budget_and_says_so(served: Served) -> None:
    """Its plan is a share of the target; a promise that cannot be kept would cost more."""
    budget = {"flops_percent": 185}
    fields = {
        "control": "none",
        "budget": budget,
        "proxy_width": 32,
        "target": {"width": 256, "tokens": 8 * 16 * 32 * 2},
        "measure": {"regret_percent": 1e-9, "interval_octaves": None, "grid_share": 16},
    }
    study_id = served.submit(**fields)
    served.advance(study_id)
    study = served.client.get(f"/v1/studies/{study_id}").json()
    assert study["state"] == "completed"
    cost = served.client.get(f"/v1/studies/{study_id}/recommendation").json()["cost"]
    assert cost["share_percent"] <= 185
    unlimited = served.submit(**fields | {"budget": None})
    served.advance(unlimited)
    more = served.client.get(f"/v1/studies/{unlimited}/recommendation").json()["cost"]
    assert more["share_percent"] > cost["share_percent"]
    assert cost["measuring_end"]["stopped_by"] == "budget"
    assert "budget of 185 % of the target's FLOPs" in study["reason"]
