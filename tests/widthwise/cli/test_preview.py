"""`widthwise preview` against a real service."""

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from widthwise.cli.commands import app
from widthwise.client import Client


def widthwise(*arguments: str, address: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"WIDTHWISE_ADDRESS": address})


def test_preview_prints_trials_cost_and_interval_or_all_of_it_as_json(
    service: RunningService, client: Client, tmp_path: Path
) -> None:
    study_file = tmp_path / "study.yaml"
    study_file.write_text(yaml.safe_dump(SPEC))
    shown = widthwise("preview", str(study_file), address=service.address)
    assert shown.exit_code == 0
    found = client.preview(SPEC)
    assert f"cost       {found['trials']} trials" in shown.stdout
    assert f"interval   {found['interval']['octaves']:.2g} octaves" in shown.stdout
    printed = widthwise("preview", str(study_file), "--json", address=service.address)
    assert json.loads(printed.stdout)["planned"] == found["planned"]


def test_preview_tells_that_the_answer_will_abstain(
    service: RunningService, tmp_path: Path
) -> None:
    study_file = tmp_path / "study.yaml"
    study_file.write_text(yaml.safe_dump(SPEC | {"target": {"width": 256, "tokens": 10**12}}))
    shown = widthwise("preview", str(study_file), address=service.address)
    assert "abstains   tokens " in shown.stdout
