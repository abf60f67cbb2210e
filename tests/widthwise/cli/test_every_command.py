"""Exit statuses, JSON and completion, the same for every command."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.widthwise.cli.every_command import (
    ASKING,
    BECOME,
    FILES,
    HERE,
    MOVING,
    OTHER,
    REFUSED,
    STORED,
    STUDY,
    commands,
)
from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from widthwise.cli.commands import app
from widthwise.client import Client

NOBODY = "http://127.0.0.1:9"
SWEEP = "width,lr,loss\n" + "".join(
    f"{width},{rate},{(step - 2) ** 2 / 10 + 16 / width}\n"
    for width in (64, 128, 256)
    for step, rate in enumerate((0.001, 0.002, 0.004, 0.008, 0.016))
)


def run(words: str, *arguments: str, address: str = NOBODY) -> Result:
    given = [*words.split(), *arguments]
    return CliRunner().invoke(app, given, env={"WIDTHWISE_ADDRESS": address})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(SPEC))
    (tmp_path / "sweep.csv").write_text(SWEEP)
    (tmp_path / "model.py").write_text("build = loss = batch = print\n")
    return tmp_path


def filled(arguments: tuple[str, ...], files: Path, **ids: str) -> list[str]:
    words = {STUDY: "std_absent", OTHER: "std_other", STORED: "rec_absent"} | ids
    return [words.get(one, one).replace(FILES, str(files)) for one in arguments]


@pytest.fixture(scope="module")
def ids(finished: tuple[str, str]) -> dict[str, str]:
    address, study_id = finished
    with Client(address) as client:
        return {STUDY: study_id, STORED: str(client.store_recommendation(study_id)["id"])}


def test_every_command_is_tried_here() -> None:
    assert sorted(commands()) == sorted({*ASKING, *MOVING, *REFUSED, *HERE, *BECOME})


@pytest.mark.parametrize("words", sorted(commands()))
def test_every_command_that_prints_can_do_so_for_programs(words: str) -> None:
    options = {option for one in commands()[words].params for option in one.opts}
    assert words in BECOME or "--json" in options


@pytest.mark.parametrize("group", ["", "checks", "webhooks"])
def test_the_list_of_commands_cuts_no_sentence_in_80_columns(group: str) -> None:
    shown = CliRunner().invoke(app, [*group.split(), "--help"], env={"COLUMNS": "80"}).stdout
    listed = shown.partition("Commands:")[2].splitlines()
    assert listed
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize("words", sorted({*ASKING, *MOVING, *REFUSED, *HERE}))
def test_help_is_status_0_and_a_wrong_command_line_2(words: str) -> None:
    assert run(words, "--help").exit_code == 0
    wrong = run(words, "--no-such-option")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--no-such-option" in wrong.stderr


@pytest.mark.parametrize("words", sorted({*ASKING, *MOVING, *REFUSED}))
def test_no_answer_is_status_1_with_nothing_on_standard_output(words: str, files: Path) -> None:
    shown = run(words, *filled((ASKING | MOVING | REFUSED)[words], files), "--json")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert NOBODY in shown.stderr


@pytest.mark.parametrize("words", sorted(REFUSED))
def test_a_refusal_is_status_1_and_says_what_is_not_there(
    words: str, files: Path, finished: tuple[str, str]
) -> None:
    shown = run(words, *filled(REFUSED[words], files), "--json", address=finished[0])
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "_absent" in shown.stderr


@pytest.mark.parametrize("words", sorted(ASKING))
def test_what_is_done_is_status_0_and_one_json_document(
    words: str, files: Path, finished: tuple[str, str], ids: dict[str, str]
) -> None:
    shown = run(words, *filled(ASKING[words], files, **ids), "--json", address=finished[0])
    assert shown.exit_code == 0, shown.output
    assert isinstance(json.loads(shown.stdout), dict)


@pytest.mark.parametrize(
    ("words", "told"),
    [("show {}", "completed"), ("trials {} --state complete", "rate at base"), ("workers", "name")],
)
def test_what_stands_is_shown_in_words(words: str, told: str, finished: tuple[str, str]) -> None:
    address, study_id = finished
    shown = run(words.format(study_id), address=address)
    assert shown.exit_code == 0, shown.output
    assert told in shown.stdout


def test_the_queue_says_what_a_study_waits_for(service: RunningService, client: Client) -> None:
    study_id = client.submit(SPEC)["id"]
    (place,) = (one for one in client.queue()["places"] if one["study_id"] == study_id)
    shown = run("queue", address=service.address).stdout
    (line,) = (line for line in shown.splitlines() if line.startswith(study_id))
    assert place["pending_reason"] in line


@pytest.mark.parametrize("words", sorted(MOVING))
def test_what_is_changed_is_answered_with_one_json_document(
    words: str, files: Path, service: RunningService, client: Client
) -> None:
    queued = {name: str(client.submit(SPEC)["id"]) for name in (STUDY, OTHER)}
    shown = run(words, *filled(MOVING[words], files, **queued), "--json", address=service.address)
    assert shown.exit_code == 0, shown.output
    assert isinstance(json.loads(shown.stdout), dict)


@pytest.mark.parametrize(
    ("words", "key"),
    [("config --json", "file"), ("analyse {}/sweep.csv --target-width 512 --json", "analyses")],
)
def test_what_needs_no_service_answers_programs_too(words: str, key: str, files: Path) -> None:
    shown = run(words.format(files))
    assert shown.exit_code == 0, shown.output
    found: dict[str, Any] = json.loads(shown.stdout)
    assert key in found


def test_a_shell_completes_commands_options_and_ids(finished: tuple[str, str]) -> None:
    address, study_id = finished
    for typed, wanted in (
        ("widthwise rec", "recommendations"),
        ("widthwise usage --gro", "--group-by"),
        ("widthwise watch std_", study_id),
    ):
        asked = {
            "_WIDTHWISE_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
            "WIDTHWISE_ADDRESS": address,
        }
        shown = CliRunner().invoke(app, [], env=asked, prog_name="widthwise")
        assert wanted in shown.stdout.split(), shown.output
