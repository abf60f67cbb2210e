"""The `widthwise` command against a real service, as a person runs it."""

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from tests.patience import PATIENCE_SECONDS
from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from widthwise.cli.commands import app
from widthwise.client import Client

COMMAND = Path(sys.executable).with_name("widthwise")
HEEDING_CTRL_C = (
    sys.executable,
    "-c",
    "import os, signal, sys;"
    " signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""Runs a command as a terminal does: tests started in the background inherit an ignored SIGINT."""


def widthwise(*arguments: str, address: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, env={"WIDTHWISE_ADDRESS": address})


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(SPEC))
    return path


def test_submit_prints_id_page_and_what_to_do_next(
    service: RunningService, client: Client, study_file: Path
) -> None:
    shown = widthwise("submit", str(study_file), address=service.address)
    assert shown.exit_code == 0
    study_id = shown.stdout.split()[1]
    assert client.study(study_id)["state"] == "queued"
    assert f"{service.address}/studies/{study_id}" in shown.stdout
    assert f"widthwise watch {study_id}" in shown.stdout
    assert f"widthwise recommend {study_id} --width 256 --tokens N" in shown.stdout


def test_submit_reads_standard_input_and_can_print_the_id_alone(
    service: RunningService, client: Client
) -> None:
    shown = widthwise("submit", "-", "-q", address=service.address, stdin=json.dumps(SPEC))
    assert client.study(shown.stdout.strip())["state"] == "queued"


def test_a_bad_study_is_refused_with_the_field_and_status_1(
    service: RunningService, study_file: Path
) -> None:
    study_file.write_text("family: {name: gpt}\ntarget: {width: 256}\ncolour: red\n")
    shown = widthwise("submit", str(study_file), address=service.address)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "/colour: " in shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("studies",),
        ("watch", "std_x"),
        ("recommend", "std_x"),
        ("cancel", "std_x"),
        ("pause", "std_x"),
        ("resume", "std_x"),
        ("plot", "std_x", "--output", "never.png"),
        ("compare", "std_x", "--output", "never.png"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_service_every_command_says_how_to_start_one(arguments: tuple[str, ...]) -> None:
    shown = widthwise(*arguments, address="http://127.0.0.1:9")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "http://127.0.0.1:9" in shown.stderr
    assert "widthwise up" in shown.stderr


def test_studies_lists_ids_in_full_even_where_lines_are_short(finished: tuple[str, str]) -> None:
    address, study_id = finished
    shown = widthwise("studies", address=address)
    assert study_id in shown.stdout
    assert "completed" in shown.stdout
    assert "32 → 256" in shown.stdout


def test_studies_can_be_asked_for_by_state(finished: tuple[str, str]) -> None:
    address, study_id = finished
    assert study_id in widthwise("studies", "--state", "completed", address=address).stdout
    assert "No studies" in widthwise("studies", "--state", "paused", address=address).stdout


def test_pause_resume_and_cancel_say_what_the_study_now_is(
    service: RunningService, client: Client
) -> None:
    study_id = client.submit(SPEC)["id"]
    for command, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        shown = widthwise(command, study_id, address=service.address)
        assert shown.stdout == f"{study_id} is {state}\n"


def test_watching_a_completed_study_says_so_with_status_0(finished: tuple[str, str]) -> None:
    address, study_id = finished
    shown = widthwise("watch", study_id, address=address)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1].startswith("completed")


def test_watching_a_cancelled_study_ends_with_status_1(
    service: RunningService, client: Client
) -> None:
    study_id = client.submit(SPEC)["id"]
    client.cancel(study_id)
    assert widthwise("watch", study_id, address=service.address).exit_code == 1


def test_submit_can_stay_and_watch_until_the_study_is_over(
    service: RunningService, client: Client, study_file: Path
) -> None:
    watching = subprocess.Popen(
        [COMMAND, "submit", study_file, "--watch", "--address", service.address],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    study_id = watching.stdout.readline().split()[1]
    client.cancel(study_id)
    shown, _ = watching.communicate(timeout=PATIENCE_SECONDS)
    assert watching.returncode == 1
    assert shown.splitlines()[-1].startswith("cancelled")


def test_interrupting_a_watch_leaves_the_study_alone(
    service: RunningService, client: Client
) -> None:
    study_id = client.submit(SPEC)["id"]
    watching = subprocess.Popen(
        [*HEEDING_CTRL_C, COMMAND, "watch", study_id, "--address", service.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert "queued" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=PATIENCE_SECONDS)
    assert watching.returncode == 130
    assert f"the study goes on: widthwise watch {study_id}" in said
    assert client.study(study_id)["state"] == "queued"


def test_recommend_shows_verdict_rate_and_every_tensor(finished: tuple[str, str]) -> None:
    address, study_id = finished
    shown = widthwise("recommend", study_id, "--width", "512", address=address)
    assert shown.exit_code == 0, shown.stderr
    assert "CAUTION: width 512, depth 1, batch 16, for a run of" in shown.stdout
    assert "90 % interval" in shown.stdout
    for tensor in ("embed.weight", "blocks.0.weight", "readout.weight"):
        assert tensor in shown.stdout


def test_recommend_answers_for_deeper_targets_that_train_longer(finished: tuple[str, str]) -> None:
    address, study_id = finished
    asked = ("--depth", "4", "--batch-size", "32", "--tokens", "204800")
    shown = widthwise("recommend", study_id, *asked, address=address)
    assert shown.exit_code == 0, shown.stderr
    said = " ".join(shown.stdout.split())
    assert "width 256, depth 4, batch 32, for a run of 204,800 tokens; gpt with adamw, peak" in said
    assert "residual branches x + 0.25 f(x)" in said
    assert "32 in the target (horizon_rule complete-d, empirical): rate x 1.41," in said
    assert "schedule 200 steps: 10 % linear warm-up" in said
    document = json.loads(
        widthwise("recommend", study_id, *asked, "--format", "json", address=address).stdout
    )
    assert document["target"] == {
        **{"width": 256, "depth": 4, "batch_size": 32},
        **{"tokens": 204_800, "steps": 200, "tokens_given": True},
    }


def test_recommend_writes_what_a_program_reads(finished: tuple[str, str], tmp_path: Path) -> None:
    address, study_id = finished
    as_json = widthwise("recommend", study_id, "--format", "json", address=address)
    document = json.loads(as_json.stdout)
    assert document["width"] == 256
    target = tmp_path / "recommendation.yaml"
    widthwise("recommend", study_id, "--format", "yaml", "--output", str(target), address=address)
    assert yaml.safe_load(target.read_text())["width"] == 256
    as_python = widthwise("recommend", study_id, "--format", "python", address=address).stdout
    compile(as_python, "recommendation.py", "exec")


def test_a_recommendation_can_be_kept_as_text(finished: tuple[str, str], tmp_path: Path) -> None:
    address, study_id = finished
    target = tmp_path / "recommendation.txt"
    shown = widthwise("recommend", study_id, "--output", str(target), address=address)
    assert shown.stdout == f"wrote {target}\n"
    assert "readout.weight" in target.read_text()
    assert "\x1b" not in target.read_text()


def test_a_file_that_cannot_be_written_is_an_error(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    target = tmp_path / "absent" / "recommendation.json"
    shown = widthwise("recommend", study_id, "--output", str(target), address=address)
    assert shown.exit_code == 1
    assert f"cannot write {target}" in shown.stderr


def test_plot_writes_a_picture_wide_enough_for_two_panels(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    target = tmp_path / "transfer.png"
    shown = widthwise("plot", study_id, "--output", str(target), address=address)
    assert shown.exit_code == 0, shown.stderr
    with Image.open(target) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1.8 * picture.height


def test_compare_draws_the_best_trials_of_the_study(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    target = tmp_path / "compared.png"
    shown = widthwise("compare", study_id, "--output", str(target), address=address)
    assert shown.exit_code == 0, shown.stderr
    with Image.open(target) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(
    ("command", "words"),
    [("plot", "nothing is measured yet"), ("compare", "nothing yet for a recommendation")],
)
def test_drawing_what_is_not_measured_is_refused(
    service: RunningService, client: Client, tmp_path: Path, command: str, words: str
) -> None:
    study_id = client.submit(SPEC)["id"]
    target = tmp_path / "picture.png"
    shown = widthwise(command, study_id, "--output", str(target), address=service.address)
    assert shown.exit_code == 1
    assert words in shown.stderr
    assert not target.exists()


def test_up_is_the_service_itself_so_that_signals_and_status_are_its_own(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "up", "--data-dir", tmp_path, "--port", "0", "--slots", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told == {
        "url": (tmp_path / "address").read_text().strip(),
        "data_dir": str(tmp_path.resolve()),
        "pid": process.pid,
        "version": version("widthwise"),
    }
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
    assert arguments[1:3] == ["-m", "service.up"]
    with Client(told["url"], timeout_seconds=PATIENCE_SECONDS) as client:
        assert list(client.studies()) == []
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"widthwise {version('widthwise')}\n")


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "100")
    shown = CliRunner().invoke(app, ["--help"]).stdout
    for command in app.registered_commands:
        assert command.callback is not None
        assert (command.name or command.callback.__name__) in shown
