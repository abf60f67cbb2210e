"""A study that stops after its check: what else it is asked says that nothing was searched."""

from typing import Any

import pytest

from tests.app.served import SPEC, Served
from tuner.spec.states import StudyState
from tuner.storage.changes.retrying import retry_study
from tuner.storage.events import events_after
from tuner.storage.studies import get_study, move_study

STOPPED: dict[str, Any] = {"stop_after": "check", "control": "none"}


@pytest.fixture(scope="module")
def checked(reviewed: tuple[Served, str]) -> tuple[Served, str, str]:
    """A service, a study that only checked, and one that has searched."""
    served, searched = reviewed
    study_id = served.submit(name="stopped", **STOPPED)
    served.advance(study_id)
    return served, study_id, searched


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "recommendation", None),
        ("GET", "recommendation?format=torch", None),
        ("POST", "recommendation", {"target_config": {"model_type": "gpt2"}, "tokens": 10**9}),
        ("POST", "recommendations", {"width": 512}),
        ("GET", "export/optuna", None),
        ("GET", "importances", None),
        ("POST", "trials", {"trials": [{"learning_rate": 0.004}]}),
        ("POST", "trials:import", {"form": "csv", "content": "learning_rate,value\n0.004,2\n"}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_an_answer_that_rests_on_a_search_is_refused_for_good(
    checked: tuple[Served, str, str], method: str, path: str, body: dict[str, Any] | None
) -> None:
    served, study_id, _ = checked
    if path == "recommendation" and body is not None:
        gpt = {"n_embd": 2048, "n_layer": 24, "n_head": 16, "vocab_size": 50257}
        body = body | {"target_config": body["target_config"] | gpt, "batch_size": 512}
    refused = served.client.request(method, f"/v1/studies/{study_id}/{path}", json=body)
    assert refused.status_code == 409, refused.text
    assert refused.json()["type"] == "urn:widthwise:problem:nothing-searched"
    assert f"/v1/coordinate-checks/{study_id}" in refused.json()["detail"]
    assert "retry-after" not in refused.headers


def test_its_evidence_is_its_check_and_no_curve(checked: tuple[Served, str, str]) -> None:
    served, study_id, _ = checked
    found = served.client.get(f"/v1/studies/{study_id}/sensitivity").json()
    assert found["curves"] == found["transfer"] == found["standings"] == []
    (check,) = served.client.get(f"/v1/studies/{study_id}/coordinate-check").json()["checks"]
    assert (check["status"], check["causes"]) == ("passed", [])


def test_it_stands_in_lists_with_what_its_check_found(checked: tuple[Served, str, str]) -> None:
    served, study_id, _ = checked
    listed = served.client.get("/v1/studies?name=stopped").json()["studies"]
    (row,) = listed
    at = row["standing"]
    assert (row["id"], row["stop_after"]) == (study_id, "check")
    assert (at["check"], at["verdict"], at["best_loss"]) == ("passed", None, None)
    assert (at["ended"], at["planned"], at["fraction"]) == (4, 4, 1)
    assert at["words"]["trials"] == "4 of 4 check runs"
    assert at["words"]["verdict"] == "✔ check passed"
    assert at["words"]["best_loss"] == "not searched"


def test_a_search_over_answers_leaves_it_out_and_a_comparison_says_why_it_has_none(
    checked: tuple[Served, str, str],
) -> None:
    served, study_id, searched = checked
    found = served.client.get("/v1/recommendations:search").json()["answers"]
    assert [one["study_id"] for one in found] == [searched]
    compared = served.client.get(f"/v1/studies:compare?ids={searched},{study_id}").json()
    assert compared["studies"][1]["answer"] is None
    assert "coordinate check alone, and has no recommendation" in compared["studies"][1]["problem"]
    assert "/stop_after" in {one["pointer"] for one in compared["differences"]}


def test_it_seeds_no_other_study(checked: tuple[Served, str, str]) -> None:
    served, study_id, _ = checked
    refused = served.client.post("/v1/studies", json=SPEC | {"prior": study_id})
    assert refused.status_code == 409
    assert "coordinate check alone" in refused.json()["detail"]


def test_its_events_tell_the_verdict_and_its_end(checked: tuple[Served, str, str]) -> None:
    served, study_id, _ = checked
    with served.database.read() as session:
        told = [(one.kind, one.data) for one in events_after(session, study_id, 0, 100)]
        reason = get_study(session, study_id).reason
    assert ("check.finished", {"summary": reason}) in told
    assert told[-1][0] == "study.state"
    assert told[-1][1] == {"from": "checking", "to": "completed", "reason": reason}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"budget": {"flops_percent": 5}}, "/budget"),
        ({"prior": "std_1"}, "/prior"),
        ({"control": "sp"}, "/control"),
        ({"at_target": True}, "/at_target"),
        ({"dynamics": True}, "/dynamics"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
@pytest.mark.parametrize("path", ["/v1/studies", "/v1/studies:preview"])
def test_what_comes_after_a_check_cannot_be_asked_of_it(
    untouched: Served, fields: dict[str, Any], pointer: str, path: str
) -> None:
    refused = untouched.client.post(path, json=SPEC | STOPPED | fields)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert "stop_after" in error["detail"]


def test_a_study_that_searches_is_checked_under_mup(untouched: Served) -> None:
    body = SPEC | {"check": {"parametrization": "sp"}}
    (error,) = untouched.client.post("/v1/studies", json=body).json()["errors"]
    assert error["pointer"] == "/check/parametrization"
    assert "stop_after: check" in error["detail"]


def test_its_preview_counts_the_runs_of_its_check_alone(untouched: Served) -> None:
    found = untouched.client.post("/v1/studies:preview", json=SPEC | STOPPED).json()
    assert (found["trials"], found["planned"], found["interval"]) == (0, [], None)
    assert [one["width"] for one in found["checks"]] == [64, 128, 256, 512]
    assert found["tuning_flops"] == pytest.approx(sum(one["flops"] for one in found["checks"]))
    assert found["words"]["trials"] == "no trials, 4 check runs"
    whole = untouched.client.post("/v1/studies:preview", json=SPEC).json()
    assert whole["checks"] == found["checks"]
    assert whole["tuning_flops"] > found["tuning_flops"]


def test_a_failed_one_that_is_tried_again_is_not_listed_as_failed(served: Served) -> None:
    study_id = served.submit(**STOPPED)
    served.advance(study_id, until=StudyState.CHECKING)
    with served.database.write() as session:
        move_study(session, study_id, StudyState.FAILED, reason="its worker broke")

    def words() -> str:
        (row,) = served.client.get("/v1/studies").json()["studies"]
        return str(row["standing"]["words"]["verdict"])

    assert words() == "no answer"
    with served.database.write() as session:
        retry_study(session, study_id)
    assert words() == "◌ in progress"
    served.advance(study_id)
    assert words() == "✔ check passed"
