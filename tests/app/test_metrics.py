"""What Prometheus reads is what is stored, and what was answered."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.auth import known
from tests.app.served import Served
from tuner.spec.states import StudyState
from tuner.storage.heartbeats import beat

Samples = dict[tuple[str, ...], float]


def samples(client: httpx.Client) -> Samples:
    """Every sample by its name and the values of its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_studies_trials_and_slots_are_counted_by_state(served: Served) -> None:
    finished = served.submit()
    served.advance(finished)
    served.submit()
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        beat(session, "cpu-0", "cpu", "ord_1", None)
        beat(session, "cpu-1", "cpu", None, "Broken.")
    found = samples(served.client)
    assert found["widthwise_database_up",] == 1
    assert found["widthwise_studies", "completed"] == 1
    assert found["widthwise_studies", "queued"] == 1
    assert found["widthwise_studies", "failed"] == 0
    assert found["widthwise_slots", "well"] == 1
    assert found["widthwise_slots", "troubled"] == 1
    assert found["widthwise_slots_busy",] == 1
    assert found["widthwise_coordinator_heartbeat_age_seconds",] < 60
    assert found["widthwise_orders_open",] == 0


def test_trials_of_studies_that_run_are_counted(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id, until=StudyState.MEASURING)
    found = samples(served.client)
    trials = served.client.get(f"/v1/studies/{study_id}").json()["progress"]["trials"]
    for state, count in trials.items():
        assert found["widthwise_trials_active", state] == count


def test_answers_are_counted_by_route_and_status_not_by_path(served: Served) -> None:
    for path in ("/v1/studies/std_1", "/v1/studies/std_2", "/a/b", "/c"):
        assert served.client.get(path).status_code == 404
    found = samples(served.client)
    name = "widthwise_http_request_seconds_count"
    assert found[name, "GET", "/v1/studies/{study_id}", "404"] == 2
    assert found[name, "any", "none", "404"] == 2


def test_a_database_that_cannot_be_read_is_a_metric(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it lasts: whether keys are needed is asked again all the while."""
    assert samples(served.client)["widthwise_database_up",] == 1
    monkeypatch.setattr(known, "BELIEVED_SECONDS", -1.0)
    (tmp_path / "widthwise.db").rename(tmp_path / "elsewhere.db")
    found = samples(served.client)
    assert found["widthwise_database_up",] == 0
    assert ("widthwise_studies", "queued") not in found
    (tmp_path / "elsewhere.db").rename(tmp_path / "widthwise.db")
