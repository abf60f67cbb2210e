"""Settings that cannot be used are named, with their value and what they may be."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.devices import require_gpus
from service.settings import settings_or_exit
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PORT", "99999", "WIDTHWISE_PORT is '99999': must be less than or equal to 65535"),
        ("PORT", "http", "WIDTHWISE_PORT is 'http': must be a valid integer"),
        ("SLOTS", "0", "WIDTHWISE_SLOTS is '0': must be greater than or equal to 1"),
        ("SLOT_MEMORY_BYTES", "300000000", "must be greater than or equal to 402653184"),
        ("STALL_SECONDS", "0", "must be greater than 0"),
        ("ALLOWED_HOSTS", '["a"', "is '[\"a\"': neither a JSON list nor words between commas"),
    ],
)
def test_a_variable_that_cannot_be_used_ends_the_process_with_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"WIDTHWISE_{variable}", value)
    with pytest.raises(SystemExit) as ended:
        settings_or_exit("widthwise up")
    assert str(ended.value).startswith(f"widthwise up: WIDTHWISE_{variable} is ")
    assert words in str(ended.value)
    assert "\n" not in str(ended.value)


def test_every_setting_that_is_wrong_is_named_at_once_and_options_by_their_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WIDTHWISE_GPUS", "-1")
    with pytest.raises(SystemExit) as ended:
        settings_or_exit("widthwise up", port=70_000, host=None)
    lines = str(ended.value).splitlines()
    assert len(lines) == 2
    assert any("--port is 70000" in line for line in lines)
    assert any("WIDTHWISE_GPUS is '-1'" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("a.example, b.example", ("a.example", "b.example")),
        ('["a.example", "[::1]"]', ("a.example", "[::1]")),
        ("[::1]", ("[::1]",)),
        ("[]", ()),
    ],
)
def test_hosts_are_a_json_list_or_words_between_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, hosts: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WIDTHWISE_ALLOWED_HOSTS", text)
    assert settings_or_exit("widthwise up").allowed_hosts == hosts


def test_a_service_does_not_start_on_gpus_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"WIDTHWISE_GPUS is 1000, but torch sees \d+ CUDA"):
        require_gpus(1000)


def test_up_says_so_without_a_traceback_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service.up", "--port=99999", f"--data-dir={tmp_path / 'data'}"],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith("widthwise up: --port is 99999: must be less than")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()
