"""Data are opened where the operator allows it, and nowhere else."""

import os
import threading
from itertools import count
from pathlib import Path

import pytest

from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused

NAMES = ["a?b", "a#b", "50%", "a%20b", "a b", "größe", "notes:2", "a&b=c", "..data", "-x"]


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "text.txt").write_text("allowed")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def refusal(places: Places, given: str) -> str:
    with pytest.raises(DataRefused) as refused:
        places.open(given)
    assert refused.value.field == "path"
    return str(refused.value)


def contents(places: Places, given: str) -> str:
    return places.open(given).read(100).decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_opened_by_its_path_and_by_its_url(allowed: Path, name: str) -> None:
    path = allowed / name
    path.write_text(name)
    places = Places([allowed])
    assert contents(places, str(path)) == name
    assert contents(places, path.as_uri()) == name
    assert contents(places, name) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_of_any_name_can_be_allowed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "x").write_text("inside")
    assert contents(Places([folder]), str(folder / "x")) == "inside"


def test_without_allowed_directories_everything_is_refused_with_the_setting(allowed: Path) -> None:
    said = refusal(Places([]), str(allowed / "text.txt"))
    assert "WIDTHWISE_DATASET_DIRS" in said
    assert "--dataset-dir" in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{out}/secret.txt", "is in none of the directories that are allowed"),
        ("/etc/passwd", "is in none of the directories that are allowed"),
        ("{in}-beside/x", "is in none of the directories that are allowed"),
        ("{in}/../secret.txt", "goes up with .."),
        ("../secret.txt", "goes up with .."),
        ("file://{in}/%2e%2e/secret.txt", "goes up with .."),
        ("file://elsewhere{in}/text.txt", "is not file:///path"),
        ("file://{in}/text.txt?x", "is not file:///path"),
        ("file://{in}/text.txt#x", "is not file:///path"),
        ("file://{in}/a%00b", "contains a NUL"),
        ("https://example.com/text.txt", "is a URL of another kind than file"),
        ("{in}/missing.txt", "does not exist"),
        ("{in}", "is a directory, not a file"),
    ],
)
def test_what_is_not_allowed_is_refused_in_words(allowed: Path, given: str, words: str) -> None:
    path = given.replace("{in}", str(allowed)).replace("{out}", str(allowed.parent))
    assert words in refusal(Places([allowed]), path)


def test_a_link_is_followed_within_the_directories_and_not_out_of_them(allowed: Path) -> None:
    (allowed / "inside").symlink_to(allowed / "text.txt")
    (allowed / "outside").symlink_to(allowed.parent / "secret.txt")
    (allowed / "up").symlink_to(allowed.parent)
    (allowed / "around").symlink_to(allowed / "around")
    places = Places([allowed])
    assert contents(places, str(allowed / "inside")) == "allowed"
    assert f"leads to {allowed.parent / 'secret.txt'}" in refusal(places, str(allowed / "outside"))
    assert "is in none of the directories" in refusal(places, str(allowed / "up" / "secret.txt"))
    refusal(places, str(allowed / "around"))


def test_nothing_is_told_of_what_lies_elsewhere(allowed: Path) -> None:
    out = allowed.parent
    (out / "link").symlink_to(out / "secret.txt")
    said = {refusal(Places([allowed]), str(out / name)) for name in ("link", "secret.txt", "none")}
    words = [one.partition(" is in ")[2] for one in said]
    assert len(set(words)) == 1
    assert not any("leads to" in one for one in said)


def test_an_allowed_directory_may_be_a_link_itself(allowed: Path) -> None:
    link = allowed.parent / "link"
    link.symlink_to(allowed)
    assert contents(Places([link]), str(link / "text.txt")) == "allowed"


def test_pipes_and_devices_are_refused_without_being_opened(allowed: Path) -> None:
    os.mkfifo(allowed / "pipe")  # opening it would wait for somebody who writes
    assert "is a pipe, not a file" in refusal(Places([allowed]), str(allowed / "pipe"))
    assert "is a device, not a file" in refusal(Places([Path("/dev")]), "/dev/null")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(allowed: Path) -> None:
    (allowed / "text.txt").chmod(0)
    assert "give the service's user the permission" in refusal(Places([allowed]), "text.txt")


def test_a_link_that_is_exchanged_meanwhile_opens_nothing_from_elsewhere(allowed: Path) -> None:
    """A directory of the path turns into a link and back, as fast as it can, while it is opened."""
    inner, outer = allowed / "inner", allowed.parent / "outer"
    for folder, text in ((inner, "allowed"), (outer, "secret")):
        folder.mkdir()
        (folder / "text.txt").write_text(text)
    aside = allowed / "aside"
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            inner.rename(aside)
            inner.symlink_to(outer)
            inner.unlink()
            aside.rename(inner)

    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    places, seen = Places([allowed]), set()
    try:
        for looks in count():
            if looks >= 2_000 and "refused" in seen:  # where it is refused depends on turns
                break
            try:
                seen.add(contents(places, str(inner / "text.txt")))
            except DataRefused:
                seen.add("refused")
    finally:
        done.set()
        exchanging.join()
    assert seen <= {"allowed", "refused"}


def test_a_folder_is_listed_in_order_without_hidden_files(allowed: Path) -> None:
    for name in ("b/2", "b/1", "a/3", ".hidden/4", "b/.5"):
        (allowed / name).parent.mkdir(exist_ok=True)
        (allowed / name).write_text("x")
    listed = [name for name, _ in Places([allowed]).files(str(allowed))]
    assert listed == ["a/3", "b/1", "b/2", "text.txt"]


def test_a_folder_that_holds_a_link_or_a_pipe_is_refused_by_its_name(allowed: Path) -> None:
    (allowed / "link").symlink_to(allowed.parent / "secret.txt")
    with pytest.raises(DataRefused, match=f"{allowed / 'link'} is a link"):
        list(Places([allowed]).files(str(allowed)))
    (allowed / "link").unlink()
    os.mkfifo(allowed / "pipe")
    with pytest.raises(DataRefused, match=f"{allowed / 'pipe'} is a pipe"):
        list(Places([allowed]).files(str(allowed)))
