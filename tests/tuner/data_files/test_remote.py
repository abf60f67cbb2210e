"""Data of stores are read below the prefixes that are allowed, kept, and noticed when changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.data_files.remote import require_prefix

PREFIX = "memory://bucket/allowed"


@pytest.fixture
def store() -> Iterator[Any]:  # fsspec has no types
    system = fsspec.filesystem("memory")
    system.pipe(
        {
            "/bucket/allowed/text.txt": b"first",
            "/bucket/allowed/corpus/state.json": b"{}",
            "/bucket/allowed/corpus/part/data": b"rows",
            "/bucket/allowed/tokens.bin": b"bin",
            "/bucket/allowed/tokens.idx": b"idx",
            "/bucket/allowed-not/secret.txt": b"secret",
            "/bucket/secret.txt": b"secret",
        }
    )
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def places(tmp_path: Path, store: Any) -> Places:  # noqa: ANN401
    return Places([PREFIX], tmp_path / "kept")


def contents(places: Places, given: str) -> bytes:
    return places.open(given).read(100)


def test_a_file_is_read_by_its_url_and_copied_once(
    places: Places,
    tmp_path: Path,
    store: Any,  # noqa: ANN401
) -> None:
    assert contents(places, f"{PREFIX}/text.txt") == b"first"
    first = places.real(f"{PREFIX}/text.txt")
    assert places.real("MEMORY://bucket/allowed/text.txt") == first
    assert first.is_relative_to(tmp_path / "kept")
    assert Places([PREFIX], tmp_path / "kept").real(f"{PREFIX}/text.txt") == first


def test_a_folder_comes_whole_and_two_files_of_one_stem_together(places: Places) -> None:
    names = [name for name, _ in places.files(f"{PREFIX}/corpus")]
    assert names == ["part/data", "state.json"]
    folder = places.path_of(f"{PREFIX}/corpus")
    assert contents(places, f"{folder}/state.json") == b"{}"
    stem = places.path_of(f"{PREFIX}/tokens")
    assert [contents(places, stem + ending) for ending in (".bin", ".idx")] == [b"bin", b"idx"]


def test_what_changes_in_the_store_is_noticed_and_read_anew(
    places: Places,
    store: Any,  # noqa: ANN401
) -> None:
    url = f"{PREFIX}/text.txt"
    before = places.open(url)
    assert places.stands(url)
    store.pipe("/bucket/allowed/text.txt", b"other")
    assert not places.stands(url)
    after = places.open(url)
    assert after.read(100) == b"other"
    assert before.read(100) == b"first"  # whoever has it open reads what was there
    store.rm("/bucket/allowed/text.txt")
    with pytest.raises(DataRefused, match=r"text\.txt does not exist"):
        places.open(url)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("memory://bucket/secret.txt", "none of the places that are allowed"),
        ("memory://bucket/allowed-not/secret.txt", "none of the places that are allowed"),
        ("memory://bucket/allowed@x/text.txt", "none of the places that are allowed"),
        ("s3://bucket/allowed/text.txt", "none of the places that are allowed"),
        ("http://169.254.169.254/latest", "none of the places that are allowed"),
        (f"{PREFIX}/../secret.txt", "has an empty part, . or .."),
        (f"{PREFIX}/./text.txt", "has an empty part, . or .."),
        (f"{PREFIX}//text.txt", "has an empty part, . or .."),
        (f"{PREFIX}/%2e%2E/secret.txt", "encoded dots and slashes"),
        (f"{PREFIX}/..%2fsecret.txt", "encoded dots and slashes"),
        (f"{PREFIX}/..\\secret.txt", "encoded dots and slashes"),
        (f"simplecache::{PREFIX}/text.txt", "leave out ::"),
        (f"{PREFIX}/text.txt?versionId=1", "leave out ::"),
        (f"{PREFIX}/a\0b", "leave out ::"),
        (f"{PREFIX}/missing.txt", "does not exist"),
        ("/etc/passwd", "is in none of the directories that are allowed"),
        ("file:///etc/passwd", "is in none of the directories that are allowed"),
        ("text.txt", "is in none of the directories that are allowed"),
    ],
)
def test_nothing_else_is_read(places: Places, given: str, words: str) -> None:
    with pytest.raises(DataRefused) as refused:
        places.open(given)
    assert words in str(refused.value)


def test_a_name_in_the_store_that_leaves_its_folder_is_refused(
    places: Places,
    tmp_path: Path,
    store: Any,  # noqa: ANN401
) -> None:
    store.store["/bucket/allowed/corpus/../../../escaped"] = store.store["/bucket/secret.txt"]
    with pytest.raises(DataRefused, match="which is no name of a file"):
        places.path_of(f"{PREFIX}/corpus")
    assert not list(tmp_path.rglob("escaped"))


def test_a_process_that_keeps_no_copies_checks_the_words_alone(tmp_path: Path) -> None:
    api = Places([tmp_path, PREFIX])
    assert not api.are_here(f"{PREFIX}/anything")
    assert api.are_here(str(tmp_path))
    assert api.path_of("Memory://bucket/allowed/anything/") == f"{PREFIX}/anything"
    with pytest.raises(DataRefused, match="none of the places"):
        api.path_of("memory://bucket/secret.txt")


@pytest.mark.parametrize("given", ["nonsense://x", "memory://a/../b", "memory://", "local://x"])
def test_a_prefix_that_cannot_be_meant_or_read_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="--dataset-dir"):
        require_prefix(given)
    require_prefix(PREFIX)


def test_equal_contents_have_one_hash_wherever_they_are_from(places: Places) -> None:
    digest = hashlib.sha256(contents(places, f"{PREFIX}/text.txt")).hexdigest()
    assert digest == hashlib.sha256(b"first").hexdigest()
