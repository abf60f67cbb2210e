"""Target runs that report their losses, over HTTP: each update once, and a verdict over time."""

from typing import Any

import httpx
import pytest

from tests.app.served import Served


@pytest.fixture
def run(reviewed: tuple[Served, str]) -> tuple[httpx.Client, str]:
    """A client, and where the run of a recommendation of its own reports to."""
    served, study_id = reviewed
    stored = served.client.post(f"/v1/studies/{study_id}/recommendations", json={}).json()
    return served.client, stored["links"]["observations"]


def predicted(run: tuple[httpx.Client, str]) -> list[dict[str, Any]]:
    client, path = run
    listed: list[dict[str, Any]] = client.get(path).json()["predicted"]
    return listed


def reported(run: tuple[httpx.Client, str], *losses: dict[str, Any]) -> dict[str, Any]:
    client, path = run
    answer = client.post(path, json={"observations": losses})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_the_curve_is_said_before_the_run_begins(run: tuple[httpx.Client, str]) -> None:
    points = predicted(run)
    assert [point["step"] for point in points] == sorted({point["step"] for point in points})
    assert all(point["low"] < point["loss"] < point["high"] for point in points)
    assert points == predicted(run)


def test_every_update_counts_once_and_late_ones_change_nothing(
    run: tuple[httpx.Client, str],
) -> None:
    client, path = run
    first = reported(run, {"step": 1, "loss": 0.9}, {"step": 2, "loss": 0.8})
    assert (first["stored"], first["ignored"], first["step"]) == (2, 0, 2)
    again = reported(run, {"step": 1, "loss": 0.9}, {"step": 2, "loss": 0.8})
    assert (again["stored"], again["ignored"]) == (0, 2)
    assert {**again, "stored": 2, "ignored": 0} == first
    late = reported(run, {"step": 2, "loss": 7.0}, {"step": 3, "loss": 0.7})
    assert (late["stored"], late["ignored"], late["step"]) == (1, 1, 3)
    listed = client.get(path).json()
    assert [(one["step"], one["loss"]) for one in listed["observations"]] == [
        (1, 0.9),
        (2, 0.8),
        (3, 0.7),
    ]
    assert [one["step"] for one in listed["judgements"]] == [2, 3]


def test_updates_may_be_told_by_their_tokens(run: tuple[httpx.Client, str]) -> None:
    client, path = run
    target = client.get(path.removesuffix("/observations")).json()["target"]
    per_update = target["tokens"] // target["steps"]
    reported(run, {"tokens": 2 * per_update, "loss": 0.8})
    (one,) = client.get(path).json()["observations"]
    assert (one["step"], one["tokens"]) == (2, 2 * per_update)


def test_a_run_that_diverges_is_off_at_once(run: tuple[httpx.Client, str]) -> None:
    answer = reported(run, {"step": 1, "loss": 0.9}, {"step": 2, "loss": None})
    assert (answer["verdict"], answer["probability_off"], answer["rate"]) == ("off", 1.0, None)
    assert "diverged" in answer["words"]


def test_a_new_verdict_is_told_as_an_event(run: tuple[httpx.Client, str]) -> None:
    client, path = run
    reported(run, {"step": 1, "loss": None})
    stored = client.get(path.removesuffix("/observations")).json()
    line = ""
    with client.stream("GET", f"{stored['links']['study']}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and '"off"' in line and stored["id"] in line:
                break
    assert "diverged" in line


def test_losses_are_paged(run: tuple[httpx.Client, str]) -> None:
    client, path = run
    reported(run, *({"step": step, "loss": 1 / step} for step in range(1, 6)))
    first = client.get(path, params={"page_size": 3}).json()
    token = first["next_page_token"]
    second = client.get(path, params={"page_size": 3, "page_token": token}).json()
    steps = [one["step"] for page in (first, second) for one in page["observations"]]
    assert steps == [1, 2, 3, 4, 5]
    assert second["next_page_token"] is None


@pytest.mark.parametrize(
    ("observations", "pointer", "words"),
    [
        ([], "/observations", "at least 1 item"),
        ([{"loss": 1.0}], "/observations/0", "neither step nor tokens"),
        ([{"step": 1}], "/observations/0/loss", "required"),
        ([{"step": 1, "loss": -1.0}], "/observations/0", "not positive"),
        ([{"step": 1, "loss": "low"}], "/observations/0/loss", "must be a number"),
        ([{"step": 0, "loss": 1.0}], "/observations/0/step", "greater than or equal to 1"),
        ([{"step": 9, "loss": 1.0}], "/observations/0/step", "beyond the target's last update, 8"),
        ([{"tokens": 10**12, "loss": 1.0}], "/observations/0/tokens", "beyond the target's last"),
        (
            [{"step": 2, "loss": 1.0}, {"step": 1, "loss": 1.0}],
            "/observations/1/step",
            "sort them by update",
        ),
    ],
)
def test_a_bad_report_is_refused_with_the_field_and_stores_nothing(
    run: tuple[httpx.Client, str],
    observations: list[dict[str, Any]],
    pointer: str,
    words: str,
) -> None:
    client, path = run
    answer = client.post(path, json={"observations": observations})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert client.get(path).json()["observations"] == []


def test_runs_of_what_is_not_stored_are_404(reviewed: tuple[Served, str]) -> None:
    client = reviewed[0].client
    assert client.get("/v1/recommendations/rec_none/observations").status_code == 404
    body = {"observations": [{"step": 1, "loss": 1.0}]}
    assert client.post("/v1/recommendations/rec_none/observations", json=body).status_code == 404
