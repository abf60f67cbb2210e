"""Studies side by side, and the answers of all completed ones, over HTTP."""

import pytest

from tests.app.served import Served


def test_a_finished_study_and_a_queued_one_side_by_side(reviewed: tuple[Served, str]) -> None:
    served, study_id = reviewed
    queued = served.submit(training={"steps": 16})
    found = served.client.get(f"/v1/studies:compare?ids={study_id},{queued}").json()
    first, second = found["studies"]
    assert first["answer"]["low"] <= first["answer"]["learning_rate"] <= first["answer"]["high"]
    assert (first["problem"], first["change"]) == (None, None)
    assert second["answer"] is None
    assert "nothing yet" in second["problem"]
    steps = {each["pointer"]: each["values"] for each in found["differences"]}["/training/steps"]
    assert steps == {study_id: 8, queued: 16}


def test_answers_are_for_the_target_that_is_asked_for(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    asked = {"width": 512, "tokens": 10**9}
    answer = served.client.get(f"/v1/studies/{study_id}/recommendation", params=asked).json()
    found = served.client.get("/v1/recommendations:search", params=asked | {"family": "gpt"}).json()
    (one,) = found["answers"]
    assert one["study_id"] == study_id
    assert one["answer"]["target"] == answer["target"]
    assert one["answer"]["learning_rate"] == answer["learning_rate"]["value"]
    rates = [each["learning_rate"] for each in one["answer"]["rates"]]
    assert rates == [group["learning_rate"] for group in answer["groups"]]


@pytest.mark.parametrize("wanted", [{"family": "mlp"}, {"optimizer": "sgd"}, {"project": "x"}])
def test_a_search_leaves_out_what_fits_no_filter(
    finished: tuple[Served, str], wanted: dict[str, str]
) -> None:
    served, _ = finished
    assert served.client.get("/v1/recommendations:search", params=wanted).json()["answers"] == []


def test_a_study_without_an_answer_for_the_target_says_why(finished: tuple[Served, str]) -> None:
    served, _ = finished
    found = served.client.get("/v1/recommendations:search?width=16").json()
    (one,) = found["answers"]
    assert one["answer"] is None
    assert "16" in one["problem"]


@pytest.mark.parametrize("ids", ["std_1", "std_1,std_1", ",".join(f"std_{n}" for n in range(11))])
def test_fewer_than_two_studies_or_more_than_ten_are_refused(served: Served, ids: str) -> None:
    refused = served.client.get(f"/v1/studies:compare?ids={ids}")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/ids")


def test_an_unknown_study_is_404(served: Served) -> None:
    known = served.submit()
    assert served.client.get(f"/v1/studies:compare?ids={known},std_0").status_code == 404
