"""Trials out to Optuna and in from files, by the client and the command."""

from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from typer.testing import CliRunner

from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from widthwise.cli.commands import app
from widthwise.client import Client


def run(service: RunningService, *arguments: str, status: int = 0) -> str:
    environment = {"WIDTHWISE_ADDRESS": service.address}
    shown = CliRunner().invoke(app, list(arguments), env=environment)
    assert shown.exit_code == status, shown.output
    return shown.output


def test_what_was_exported_is_what_another_study_can_start_from(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    with Client(address) as client:
        path = client.export_optuna(study_id, tmp_path / "study.log")
        storage = JournalStorage(JournalFileBackend(str(path)))
        name = f"{study_id}/adamw/search"
        loaded = optuna.load_study(study_name=name, storage=storage)
        complete = [one for one in loaded.trials if one.state.name == "COMPLETE"]
        other = client.submit(SPEC)["id"]
        given = client.import_trials(other, path, optuna_study=name)
        assert given["new"] == len(complete) > 0
        again = client.import_trials(other, study_id)
        assert (again["new"], again["known"]) == (0, len(complete))
        client.cancel(other)


def test_commands_enqueue_and_import_and_say_what_is_left_out(
    service: RunningService, client: Client, tmp_path: Path
) -> None:
    study_id = client.submit(SPEC)["id"]
    assert "1 to train next" in run(service, "enqueue", study_id, "learning_rate=0.01")
    assert "NAME=NUMBER" in run(service, "enqueue", study_id, "fast", status=1)
    path = tmp_path / "known.csv"
    path.write_text("lr,loss\n0.01,2.0\n9,1.0\n")
    options = ["--name", "lr=learning_rate", "--value-column", "loss"]
    said = run(service, "import-trials", study_id, str(path), *options)
    assert said.startswith("1 trials to learn from, 0 known before, 1 left out\n  line 3: ")
    assert [one["value"] for one in client.given_trials(study_id)] == [None, 2.0]
    assert "it takes 4" in run(service, "importances", study_id)
    assert "cannot read nowhere.csv: No such file or directory" in run(
        service, "import-trials", study_id, "nowhere.csv", status=1
    )
    written = tmp_path / "out.log"
    run(service, "export-optuna", study_id, "--output", str(written))
    storage = JournalStorage(JournalFileBackend(str(written)))
    with pytest.raises(KeyError):
        optuna.load_study(study_name="other", storage=storage)
    assert optuna.load_study(study_name=f"{study_id}/adamw/search", storage=storage).trials == []
