"""A completed study seeds the search of a new one, for its owner alone."""

import math
from typing import Any

import pytest

from tests.app.access.keyed import client_of, made_key
from tests.app.served import SPEC, Served
from tuner.spec.states import StudyState

RANGE = {"type": "float", "low": 2**-9, "high": 2**-3, "log": True}
SEARCHED = {"optimizers": [{"name": "adamw", "learning_rate": RANGE}], "control": "none"}


def given(served: Served, study_id: str) -> list[dict[str, Any]]:
    found = served.client.get(f"/v1/studies/{study_id}/given-trials").json()["trials"]
    return list(found)


@pytest.fixture
def finished(served: Served) -> str:
    study_id = served.submit(**SEARCHED)
    served.advance(study_id)
    return study_id


def test_a_search_begins_around_its_priors_optimum_and_the_answer_says_so(
    served: Served, finished: str
) -> None:
    study_id = served.submit(**SEARCHED, prior=finished)
    points = given(served, study_id)
    rates = [math.log2(point["params"]["learning_rate"]) for point in points]
    assert rates[0] == pytest.approx(-6.0, abs=0.3), "where the engine's surface has its optimum"
    assert [rate - rates[0] for rate in rates] == pytest.approx([0, -1, 1])
    assert {point["source"] for point in points} == {f"study {finished}, around its optimum"}
    served.advance(study_id)
    trained = served.client.get(f"/v1/studies/{study_id}/trials?purpose=search").json()["trials"]
    assert [trial["hyperparameters"]["learning_rate"] for trial in trained[:3]] == [
        point["params"]["learning_rate"] for point in points
    ]
    answer = served.client.get(f"/v1/studies/{study_id}/recommendation").json()
    assert answer["provenance"]["prior"] == finished


def test_between_other_base_widths_both_kinds_of_tensors_keep_their_rates(
    served: Served, finished: str
) -> None:
    wider = {"proxy_width": 128, "target": {"width": 1024}}
    rates = [
        math.log2(point["params"]["learning_rate"])
        for point in given(served, served.submit(**SEARCHED | wider, prior=finished))
    ]
    assert sorted(rates) == pytest.approx([rates[1] - 2, rates[1] - 1, rates[1]])


def test_a_prior_that_cannot_seed_is_refused_and_nothing_is_queued(
    served: Served, finished: str
) -> None:
    open_one = served.submit()
    hot = {"name": "adamw", "learning_rate": RANGE | {"low": 2.0, "high": 8.0}}
    before = served.client.get("/v1/studies").json()
    for body, words in [
        (SEARCHED | {"prior": open_one}, "it is queued: name a completed study"),
        (SEARCHED | {"prior": finished, "optimizers": [{"name": "sgd"}]}, "it tuned adamw"),
        (SEARCHED | {"prior": finished, "optimizers": [hot]}, "widen learning_rate"),
    ]:
        for path in ("/v1/studies", "/v1/studies:preview"):
            refused = served.client.post(path, json=SPEC | body)
            assert refused.status_code == 409, refused.text
            assert words in refused.json()["detail"]
    assert served.client.get("/v1/studies").json() == before
    missing = served.client.post("/v1/studies", json=SPEC | {"prior": "std_0"})
    assert missing.status_code == 404


def test_another_owners_study_seeds_nothing(served: Served) -> None:
    secrets = [
        made_key(served.database, "read", "submit", owner=owner)[1] for owner in ("ana", "ben")
    ]
    with client_of(served, secrets[0]) as ana, client_of(served, secrets[1]) as ben:
        study_id = ana.post("/v1/studies", json=SPEC | SEARCHED).json()["id"]
        served.advance(study_id, until=StudyState.COMPLETED)
        body = SPEC | SEARCHED | {"prior": study_id}
        assert ben.post("/v1/studies", json=body).status_code == 404
        assert ben.post("/v1/studies:preview", json=body).status_code == 404
        assert ana.post("/v1/studies", json=body).status_code == 202
