"""The service at a glance, and the stream of every study's changes."""

import json
from typing import Any

import httpx
import pytest

from tests.app.served import Served
from tuner.spec.states import StudyState


def told(served: Served, query: str, until: str, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401  JSON
    """Events of `GET /v1/events` as (kind, id, data), up to the first that has these words."""
    heard = []
    with served.client.stream("GET", f"/v1/events{query}", headers=headers) as stream:
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name in ("event", "id", "data"):
                fields[name] = value
            elif not line and "data" in fields:
                heard.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
                if until in fields["data"] or until == fields["event"]:
                    return heard
                fields = {}
    raise AssertionError("the stream ended")


def test_an_empty_service_says_so(untouched: Served) -> None:
    overview = untouched.client.get("/v1/overview").json()
    assert set(overview["studies"].values()) == {0}
    assert overview["words"]["running"] == "0 running, 0 queued"
    assert overview["words"]["workers"] == "0 busy, 0 idle"
    assert "No coordinator" in overview["problem"]


def test_studies_are_counted_by_state(served: Served) -> None:
    ended = served.submit()
    served.advance(ended)
    served.client.post(f"/v1/studies/{ended}/recommendations", json={})
    running = served.submit()
    served.advance(running, StudyState.SEARCHING)
    served.submit()
    overview = served.client.get("/v1/overview").json()
    counted = {state: count for state, count in overview["studies"].items() if count}
    assert counted == {"completed": 1, "searching": 1, "queued": 1}
    assert overview["words"]["running"] == "1 running, 1 queued"
    assert (overview["completed_this_week"], overview["pending_recommendations"]) == (1, 1)


def test_a_row_of_the_list_says_how_far_a_study_is(finished: tuple[Served, str]) -> None:
    rows = finished[0].client.get("/v1/studies").json()["studies"]
    (row,) = [one for one in rows if one["id"] == finished[1]]
    standing = row["standing"]
    assert (standing["fraction"], standing["ended"], standing["planned"]) == (1, 92, 92)
    answer = finished[0].client.get(f"/v1/studies/{finished[1]}/recommendation").json()
    assert standing["verdict"] == answer["verdict"]
    assert standing["words"] == {
        "state": "✔ completed",
        "trials": "92 of 92 trials",
        "left": "",
        "best_loss": f"{standing['best_loss']:.4g}",
        "verdict": "⚠ recommended with caution",
    }


def test_a_study_that_runs_has_no_verdict_yet(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id, StudyState.MEASURING)
    (row,) = served.client.get("/v1/studies").json()["studies"]
    assert row["standing"]["verdict"] == "in_progress"
    assert "judg" not in row["standing"]["words"]["verdict"]
    early = served.submit()
    served.client.post(f"/v1/studies/{early}:cancel")
    assert served.client.get("/v1/studies").json()["studies"][0]["standing"]["verdict"] is None


@pytest.mark.parametrize("by_header", [False, True])
def test_whoever_comes_back_is_told_what_has_changed_since(served: Served, by_header: bool) -> None:
    first = served.submit()
    cursor = told(served, "?after=0", first)[-1]
    assert cursor[2]["study"]["state"] == "queued"
    (beat,) = [one for one in told(served, "?after=0", "beat") if one[0] == "beat"]
    second = served.submit()
    if by_header:
        heard = told(served, "?after=0", second, {"Last-Event-ID": beat[1]})
    else:
        heard = told(served, f"?after={beat[1]}", second)
    changed = [data["study"]["id"] for kind, _, data in heard if kind == "change"]
    assert changed == [second]


def test_many_events_of_a_study_are_one_change(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id)
    changes = [data for kind, _, data in told(served, "?after=0", "beat") if kind == "change"]
    (change,) = changes
    assert change["study"]["standing"]["words"]["trials"] == "92 of 92 trials"
    assert {"study.state", "check.finished", "trial.state"} <= set(change["kinds"])


def test_a_bad_cursor_is_refused(untouched: Served) -> None:
    answer: httpx.Response = untouched.client.get("/v1/events?after=-1")
    assert answer.status_code == 422
