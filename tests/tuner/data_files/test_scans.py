"""Whole files are read once, and what they tell is remembered by what they are."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import PATIENCE_SECONDS
from tuner.data_files import scans
from tuner.data_files.opened import Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.data_files.scans import Content, Scan, scan

LONG_AGO = 1_600_000_000


def opened(path: Path, content: bytes) -> Opened:
    """The file, which claims to be old."""
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return Places([path.parent]).open(str(path))


def test_a_file_is_known_by_its_hash(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    file = opened(tmp_path / "x", content)
    assert scan(file, "bytes", None).sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "numbers"),
    [("uint16", [3, 65_535, 0]), ("uint32", [2**32 - 1, 5]), ("int32", [-7, 9])],
)
def test_the_least_and_the_largest_token_are_found(
    tmp_path: Path, content: Content, numbers: list[int]
) -> None:
    stored = np.array(numbers, np.dtype(content).newbyteorder("<")).tobytes()
    found = scan(opened(tmp_path / "x", stored), content, None)
    assert (found.smallest, found.largest) == (min(0, *numbers), max(numbers))


def test_bytes_before_the_first_token_are_hashed_and_not_taken_for_tokens(tmp_path: Path) -> None:
    stored = b"\xff" * 10 + np.array([1, 2], "<u2").tobytes()
    found = scan(opened(tmp_path / "x", stored), "uint16", None, skip_bytes=10)
    assert found == Scan(hashlib.sha256(stored).hexdigest(), 0, 2)


@given(text=st.text(max_size=40), cut=st.integers(1, 8))
def test_a_text_is_one_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, cut: int
) -> None:
    file = opened(tmp_path_factory.mktemp("t") / "x", text.encode())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scans, "_PART", cut)
        assert scan(file, "utf-8", None).sha256 == hashlib.sha256(text.encode()).hexdigest()


@given(before=st.text(max_size=20), cut=st.integers(1, 8))
def test_what_is_no_text_is_named_by_its_place(
    tmp_path_factory: pytest.TempPathFactory, before: str, cut: int
) -> None:
    content = before.encode() + b"\xff"
    file = opened(tmp_path_factory.mktemp("t") / "x", content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scans, "_PART", cut)
        with pytest.raises(DataRefused, match=f"byte {len(content) - 1} does not belong"):
            scan(file, "utf-8", None)


def test_a_text_that_ends_within_a_letter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="byte 1 does not belong"):
        scan(opened(tmp_path / "x", "aß".encode()[:2]), "utf-8", None)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled as soon as they are written."""
    monkeypatch.setattr(scans, "_SETTLED_NS", -(2**62))


@pytest.mark.usefixtures("settled")
def test_what_was_found_is_remembered_until_the_file_is_another(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    first = scan(opened(tmp_path / "x", b"one"), "bytes", memory)
    (remembered,) = memory.iterdir()
    remembered.write_text(remembered.read_text().replace(first.sha256, "f" * 64))
    same = opened(tmp_path / "y", b"one")
    assert scan(same, "bytes", memory).sha256 == first.sha256  # of another path
    assert scan(Places([tmp_path]).open("x"), "bytes", memory).sha256 == "f" * 64
    assert scan(opened(tmp_path / "x", b"two"), "bytes", memory).sha256 != "f" * 64
    assert scan(opened(tmp_path / "x", b"one"), "bytes", memory).sha256 == first.sha256


def test_a_file_that_was_just_written_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "_SETTLED_NS", int(PATIENCE_SECONDS * 1e9))
    scan(opened(tmp_path / "x", b"one"), "bytes", tmp_path / "memory")
    assert not (tmp_path / "memory").exists()


def test_a_memory_that_cannot_be_read_or_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file where a folder should be")
    file = opened(tmp_path / "x", b"one")
    assert scan(file, "bytes", tmp_path / "memory").sha256 == hashlib.sha256(b"one").hexdigest()


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    file = opened(tmp_path / "x", b"one")
    (tmp_path / "x").write_bytes(b"another")
    with pytest.raises(DataRefused, match="was changed while it was read"):
        scan(file, "bytes", None)
