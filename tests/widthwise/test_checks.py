"""Coordinate checks that a service takes on their own, by the client and the command."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.tuner.analytic_engine import AnalyticEngine
from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService, running_service
from widthwise.cli.checks import commands
from widthwise.cli.commands import app
from widthwise.client import Client
from widthwise.errors import Refused, WidthwiseError
from widthwise.resources.checks import Check

GPT: dict[str, Any] = {"family": {"name": "gpt", "depth": 1}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of this module's own: turning its coordinator moves every study that it has."""
    with running_service(tmp_path_factory.mktemp("checks")) as running:
        yield running


def run(service: RunningService, *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"WIDTHWISE_ADDRESS": service.address})


def ended(service: RunningService, client: Client, hidden_growth: float = 0.0) -> Check:
    """A check that is over."""
    check = client.submit_check(GPT | {"name": f"c-{uuid.uuid4()}"})
    service.finish(check.id, AnalyticEngine(slots=8, hidden_growth=hidden_growth))
    return client.check(check.id)


def test_the_client_submits_a_check_once_and_waits_for_what_it_found(
    service: RunningService, client: Client
) -> None:
    key = str(uuid.uuid4())
    check = client.submit_check(GPT, idempotency_key=key)
    assert client.submit_check(GPT, idempotency_key=key).id == check.id
    assert (check["state"], check["outcome"]) == ("queued", None)
    service.finish(check.id)
    assert check.wait()["outcome"] == "passed"
    assert check["checks"][0]["tensors"]


def test_what_a_study_would_check_is_taken_from_its_specification(client: Client) -> None:
    asked = SPEC | {
        "training": {"batch_size": 4, "steps": 90},
        "check": {"widths": [32, 64, 128], "seeds": 5},
        "budget": {"flops_percent": 5},
    }
    check = client.submit_check(asked)
    assert (check["base_width"], check["batch_size"]) == (SPEC["proxy_width"], 4)
    assert (check["widths"], check["seeds"]) == ([32, 64, 128], {"adamw": 5})


def test_a_check_that_is_cancelled_has_no_outcome_to_wait_for(client: Client) -> None:
    check = client.submit_check(GPT)
    assert client.cancel_check(check.id)["state"] == "cancelled"
    with pytest.raises(WidthwiseError, match="is cancelled"):
        check.wait()
    with pytest.raises(Refused) as refused:
        client.check("std_nobody/../x")
    assert refused.value.status in (404, 422)


def test_the_client_lists_checks_by_what_they_are(client: Client) -> None:
    project = f"p-{uuid.uuid4()}"
    check = client.submit_check(GPT | {"project": project, "labels": {"team": "a b&c"}})
    client.submit(SPEC | {"project": project})
    found = client.checks("queued", project=project, labels={"team": "a b&c"}, family="gpt")
    assert [one["id"] for one in found] == [check.id]
    assert list(client.checks("completed", project=project)) == []
    assert [one["id"] for one in client.studies(project=project, kind="check")] == [check.id]


@pytest.mark.parametrize(("growth", "status"), [(0.0, 0), (1.0, 1)])
def test_the_command_waits_and_exits_by_what_was_found(
    growth: float,
    status: int,
    service: RunningService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The coordinator is turned where the command begins to watch."""

    def finish(client: Client, check_id: str, console: object) -> dict[str, Any]:
        service.finish(check_id, AnalyticEngine(slots=8, hidden_growth=growth))
        return client.study(check_id)

    monkeypatch.setattr(commands, "watch_study", finish)
    file = tmp_path / "check.json"
    file.write_text(json.dumps(GPT))
    done = run(service, "checks", "run", str(file))
    assert done.exit_code == status, done.output
    if growth:
        assert "likely cause: a missing 1/fan_in learning rate" in done.stdout
        assert "blocks.0.weight" in done.stdout
    as_json = run(service, "checks", "run", str(file), "--json")
    assert as_json.exit_code == status
    assert json.loads(as_json.stdout)["outcome"] == ("failed" if growth else "passed")


def test_checks_are_shown_listed_and_cancelled_in_words_and_in_json(
    service: RunningService, client: Client
) -> None:
    check = ended(service, client, hidden_growth=1.0)
    shown = run(service, "checks", "show", check.id)
    assert shown.exit_code == 0
    assert "failed" in shown.stdout
    assert "+1.00" in shown.stdout
    assert json.loads(run(service, "checks", "show", check.id, "--json").stdout) == check
    listed = run(service, "checks", "list", "--name", check["name"])
    assert check.id in listed.stdout
    (row,) = json.loads(run(service, "checks", "list", "--name", check["name"], "--json").stdout)[
        "checks"
    ]
    assert (row["id"], row["outcome"]) == (check.id, "failed")
    assert "check" in run(service, "studies", "--name", check["name"], "--kind", "check").stdout
    other = client.submit_check(GPT)
    assert run(service, "checks", "cancel", other.id).stdout == f"{other.id} is cancelled\n"


def test_a_study_that_stops_after_its_check_is_submitted_with_what_comes_next(
    service: RunningService, tmp_path: Path
) -> None:
    file = tmp_path / "study.json"
    file.write_text(json.dumps(GPT | {"target": {"width": 256}, "stop_after": "check"}))
    said = run(service, "submit", str(file)).stdout
    assert "widthwise checks show std_" in said
    assert "recommend" not in said
    planned = run(service, "preview", str(file)).stdout
    assert "check of" in planned
    assert "no trials, 4 check runs" in planned
