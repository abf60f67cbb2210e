"""The configuration file, and what wins over it."""

import json
from pathlib import Path

import platformdirs
import pytest
from typer.testing import CliRunner, Result

from widthwise.cli.commands import app
from widthwise.client import Client
from widthwise.configuration.chosen import chosen_service
from widthwise.configuration.file import configuration_path, read_configuration
from widthwise.errors import WidthwiseError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of one test, which writes it; no variable says anything else."""
    path = tmp_path / "config.toml"
    path.write_text("")
    monkeypatch.setenv("WIDTHWISE_CONFIG", str(path))
    for name in ("WIDTHWISE_ADDRESS", "WIDTHWISE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_file_is_where_this_platform_keeps_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WIDTHWISE_CONFIG", raising=False)
    wanted = platformdirs.user_config_path("widthwise", appauthor=False) / "config.toml"
    assert configuration_path() == wanted


def test_what_is_given_wins_over_the_environment_the_file_and_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [chosen_service().address.value]
    (file.parent / "widthwise-data").mkdir()
    (file.parent / "widthwise-data" / "address").write_text("http://running:1\n")
    seen.append(chosen_service().address.value)
    file.write_text('address = "of-the-file:2"\napi_key = "key of the file"\n')
    seen.append(chosen_service().address.value)
    monkeypatch.setenv("WIDTHWISE_ADDRESS", "of-the-environment:3")
    seen.append(chosen_service().address.value)
    seen.append(chosen_service("given:4").address.value)
    assert seen == [
        *("http://127.0.0.1:8321", "http://running:1", "http://of-the-file:2"),
        *("http://of-the-environment:3", "http://given:4"),
    ]


def test_the_files_key_is_sent_to_the_files_service_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('address = "https://ours.example"\napi_key = "wwk_file"\n')
    assert chosen_service().api_key.value == "wwk_file"
    assert chosen_service("https://ours.example/").api_key.value == "wwk_file"
    elsewhere = chosen_service("https://theirs.example").api_key
    assert elsewhere.value == ""
    assert "https://ours.example" in elsewhere.source
    monkeypatch.setenv("WIDTHWISE_API_KEY", "wwk_environment")
    assert chosen_service("https://theirs.example").api_key.value == "wwk_environment"
    assert chosen_service(api_key="wwk_given").api_key.value == "wwk_given"


def test_a_client_speaks_to_the_service_of_the_file(file: Path, finished: tuple[str, str]) -> None:
    address, study_id = finished
    file.write_text(f'address = "{address}"\n')
    with Client() as client:
        assert client.study(study_id)["state"] == "completed"
    assert study_id in run("studies").stdout


def test_options_of_commands_can_be_set_and_the_command_line_wins(
    file: Path, finished: tuple[str, str]
) -> None:
    address, study_id = finished
    file.write_text(f'address = "{address}"\n[studies]\njson = true\nstate = ["paused"]\n')
    assert json.loads(run("studies").stdout)["studies"] == []
    shown = json.loads(run("studies", "--state", "completed").stdout)
    assert [one["id"] for one in shown["studies"]] == [study_id]
    file.write_text(f'address = "{address}"\n[webhooks.list]\njson = true\n')
    assert json.loads(run("webhooks", "list").stdout) == {"webhooks": []}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("address = ", "is no TOML"),
        ("address = 8321", "address is 8321: write it as a text"),
        ('adress = "x"', "adress is not known here"),
        ("[study]\njson = true", "[study] is no command"),
        ("[up]\nport = 9000", "[up] is no command whose options can be set here"),
        ("[studies]\nstat = 'paused'", "studies.stat is no option of `widthwise studies`"),
        ("[webhooks.lists]\njson = true", "[webhooks.lists] is no command"),
        ("[usage]\ngroup-by = 'colour'", "'colour'"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(file: Path, written: str, words: str) -> None:
    file.write_text(written)
    shown = run("usage", "--address", "http://127.0.0.1:9")
    assert shown.exit_code in {1, 2}
    assert words in " ".join(shown.stderr.split())


def test_a_file_that_is_named_has_to_be_there(file: Path) -> None:
    file.unlink()
    with pytest.raises(WidthwiseError, match="WIDTHWISE_CONFIG names"):
        read_configuration()


def test_config_says_what_holds_and_why_without_the_whole_key(file: Path) -> None:
    file.write_text('address = "ours:1"\napi_key = "wwk_0123456789"\n[usage]\ngroup-by = "day"\n')
    said = json.loads(run("config", "--json").stdout)
    assert said["address"] == {"value": "http://ours:1", "source": str(file)}
    assert said["api_key"] == {"prefix": "wwk_0123", "source": str(file)}
    assert said["commands"] == {"usage": {"group-by": "day"}}
    shown = run("config").stdout
    assert "http://ours:1" in shown
    assert "456789" not in shown
