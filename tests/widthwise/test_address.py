"""Finding the service."""

from pathlib import Path

import pytest

from widthwise.address import DEFAULT_ADDRESS, find_address


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://gpu-7:9000/", "http://gpu-7:9000"),
        ("https://widthwise.example", "https://widthwise.example"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("gpu-7", "http://gpu-7"),
    ],
)
def test_what_the_user_names_wins(tmp_path: Path, given: str, address: str) -> None:
    (tmp_path / "address").write_text("http://127.0.0.1:1\n")
    assert find_address(given, tmp_path) == address


def test_else_the_running_service_of_this_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("http://127.0.0.1:4711\n")
    assert find_address(None, tmp_path) == "http://127.0.0.1:4711"


def test_else_the_default_is_tried(tmp_path: Path) -> None:
    assert find_address(None, tmp_path / "never made") == DEFAULT_ADDRESS
    assert find_address("", tmp_path) == DEFAULT_ADDRESS
