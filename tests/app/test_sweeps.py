"""Tables of losses that users have: stored as studies, and answered from."""

import csv
import io
from collections.abc import Iterable

import pytest

from tests.app.served import Served
from tests.widthwise.sweeps.tables import Rows, steady, sweep_rows


def text_of(rows: Rows) -> str:
    listed = list(rows)
    written = io.StringIO()
    writer = csv.DictWriter(written, list(listed[0]))
    writer.writeheader()
    writer.writerows(listed)
    return written.getvalue()


def several(epochs: Iterable[int]) -> str:
    return text_of({"epoch": epoch, **row} for epoch in epochs for row in sweep_rows(steady))


STEADY = {"table": text_of(sweep_rows(steady)), "target_width": 1024, "name": "steady"}


def test_a_table_becomes_a_completed_study_with_verdict_optima_and_interval(served: Served) -> None:
    response = served.client.post("/v1/sweeps", json=STEADY)
    assert response.status_code == 201, response.text
    (sweep,) = response.json()["sweeps"]
    assert sweep["verdict"] == "recommend"
    assert sweep["learning_rate"]["low"] < 2**-5.3 < sweep["learning_rate"]["high"]
    assert [at["width"] for at in sweep["optima"]] == [64, 128, 256]
    study = served.client.get(sweep["links"]["self"]).json()
    assert (study["state"], study["spec"]["name"]) == ("completed", "steady")
    assert study["progress"]["fraction"] == 1
    listed = served.client.get("/v1/studies").json()["studies"]
    assert [one["id"] for one in listed] == [sweep["study_id"]]


def test_a_stored_sweep_answers_for_other_widths_too(served: Served) -> None:
    (sweep,) = served.client.post("/v1/sweeps", json=STEADY).json()["sweeps"]
    path = f"/v1/sweeps/{sweep['study_id']}"
    assert served.client.get(path).json() == sweep
    wider = served.client.get(path, params={"target_width": 4096}).json()
    narrow, wide = (
        (one["learning_rate"]["high"] / one["learning_rate"]["low"]) for one in (sweep, wider)
    )
    assert narrow < wide


@pytest.mark.parametrize("steps", [8, 10**12])
def test_a_stored_sweep_knows_how_long_its_runs_trained(served: Served, steps: int) -> None:
    table = text_of({"steps": steps, **row} for row in sweep_rows(steady))
    (sweep,) = served.client.post("/v1/sweeps", json={**STEADY, "table": table}).json()["sweeps"]

    assert [reason["topic"] for reason in sweep["reasons"]] == ["proxy"] * (steps < 50)
    assert served.client.get(f"/v1/sweeps/{sweep['study_id']}").json() == sweep


def test_its_curves_trials_and_page_are_those_of_the_table(served: Served) -> None:
    (sweep,) = served.client.post("/v1/sweeps", json=STEADY).json()["sweeps"]
    learned = served.client.get(sweep["links"]["sensitivity"]).json()
    assert [curve["width"] for curve in learned["curves"]] == [64, 128, 256]
    for curve, at in zip(learned["curves"], sweep["optima"], strict=True):
        found, same = curve["optimum"], at["optimum"]
        assert found["log2_learning_rate"] == pytest.approx(same["log2_learning_rate"])
    assert any(point["diverged"] for point in learned["curves"][0]["points"])
    trials = served.client.get(sweep["links"]["trials"]).json()["trials"]
    assert len(trials) == 3 * 8 * 2
    assert served.client.get(sweep["links"]["page"]).status_code == 200


def test_it_has_no_recommendation_by_parameter_and_says_where_its_answer_is(
    served: Served,
) -> None:
    (sweep,) = served.client.post("/v1/sweeps", json=STEADY).json()["sweeps"]
    refused = served.client.get(sweep["links"]["recommendation"])
    assert refused.status_code == 409
    assert f"/v1/sweeps/{sweep['study_id']}" in refused.json()["detail"]


def test_each_combination_of_settings_is_a_study_of_its_own(served: Served) -> None:
    body = STEADY | {"table": several((1, 2))}
    answer = served.client.post("/v1/sweeps", json=body).json()
    assert [one["where"] for one in answer["sweeps"]] == [{"epoch": "1"}, {"epoch": "2"}]
    assert "taken apart by epoch: 2 sweeps" in answer["said"]
    again = served.client.get(f"/v1/sweeps/{answer['sweeps'][1]['study_id']}").json()
    assert again["where"] == {"epoch": "2"}


def test_the_same_key_stores_a_table_once(served: Served) -> None:
    key, body = {"idempotency-key": "once"}, STEADY | {"table": several((1, 2))}
    first, again = (
        served.client.post("/v1/sweeps", json=body, headers=key).json() for _ in range(2)
    )
    assert first == again
    assert len(served.client.get("/v1/studies").json()["studies"]) == 2
    other = served.client.post("/v1/sweeps", json=STEADY, headers=key)
    assert other.status_code == 422
    assert other.json()["errors"][0]["pointer"] == "/Idempotency-Key"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("width,lr\n64,0.1\n", "no column is the loss"),
        ("width,lr,loss\n64,fast,1\n", "line 2: lr 'fast' is not a number"),
        ("width,lr,loss\n", "no row below the names"),
        ("width,lr,loss\n99999999,0.1,1\n", "it cannot be stored"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(untouched: Served, table: str, words: str) -> None:
    refused = untouched.client.post("/v1/sweeps", json=STEADY | {"table": table})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/table"
    assert words in error["detail"]


def test_a_study_that_trained_is_no_sweep(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    assert served.client.get(f"/v1/sweeps/{study_id}").status_code == 404
