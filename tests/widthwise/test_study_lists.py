"""Studies narrowed and edited by the client and the command, against a real service."""

import json
import uuid
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from widthwise.cli.commands import app
from widthwise.client import Client
from widthwise.errors import Refused


def test_the_client_edits_a_study_and_finds_it_by_what_it_gave(client: Client) -> None:
    project = f"p-{uuid.uuid4()}"
    study = client.submit(SPEC | {"project": project, "labels": {"draft": "1"}})
    edited = client.edit(
        study["id"], labels={"team": "a b&c", "draft": None}, if_version=study["version"]
    )
    assert edited["labels"] == {"team": "a b&c"}
    with pytest.raises(Refused) as refused:
        client.edit(study["id"], priority=1, if_version=study["version"])
    assert refused.value.status == 412
    found = client.studies("queued", project=project, labels={"team": "a b&c"})
    assert [one["id"] for one in found] == [study["id"]]
    assert list(client.studies(project=project, created_after=datetime.now(UTC))) == []
    assert {"name": project, "studies": 1} in client.projects()


def test_the_command_edits_and_lists_in_words_and_in_json(
    service: RunningService, client: Client
) -> None:
    project = f"p-{uuid.uuid4()}"
    study_id = client.submit(SPEC | {"project": project, "labels": {"draft": "1"}})["id"]

    def run(*arguments: str, status: int = 0) -> str:
        environment = {"WIDTHWISE_ADDRESS": service.address}
        shown = CliRunner().invoke(app, list(arguments), env=environment)
        assert shown.exit_code == status, shown.output
        return shown.output

    options = ["--priority", "3", "--label", "team=a", "--remove-label", "draft"]
    assert run("edit", study_id, *options) == f"{study_id} of {project} has priority 3 team=a\n"
    listed = json.loads(run("studies", "--project", project, "--label", "team", "--json"))
    assert [one["id"] for one in listed["studies"]] == [study_id]
    assert study_id in run("studies", "--project", project)
    assert project in run("projects")
    assert "has no value" in run("edit", study_id, "--label", "team", status=1)


def test_usage_is_told_by_client_and_command(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        told = client.usage("study")
    assert [row["name"] for row in told["rows"]] == [study_id]
    assert told["rows"][0]["hours"] > 0
    shown = CliRunner().invoke(app, ["usage", "--group-by=study", f"--address={address}"])
    assert study_id in shown.output, shown.output
    asked = ["usage", "--json", "--since=2026-01-01", f"--address={address}"]
    assert json.loads(CliRunner().invoke(app, asked).output)["total"] == told["total"]


def test_studies_are_told_apart_and_searched_by_the_commands(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        other = client.submit(SPEC | {"training": {"steps": 9}})["id"]
        (found,) = client.search(family="gpt", width=512)
        client.cancel(other)
    at = f"--address={address}"
    told = CliRunner().invoke(app, ["diff", study_id, other, at])
    assert "training.steps" in told.output, told.output
    assert "nothing yet" in told.output
    searched = CliRunner().invoke(app, ["search", "--family=gpt", "--width=512", "--json", at])
    assert json.loads(searched.output)["answers"][0]["answer"] == found["answer"]
