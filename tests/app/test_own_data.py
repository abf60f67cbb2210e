"""Data of a user's own, named over HTTP: completed from the files, or refused field by field."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import AppSettings
from tests.app.served import Served, serving
from tests.workers.datasets.examples import EXAMPLES, pictures, tokens
from tuner.storage.sql.database import Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own? data #1 100%"
    made.mkdir()
    return made


@pytest.fixture
def served(database: Database, folder: Path) -> Iterator[Served]:
    with serving(database, AppSettings(dataset_dirs=(folder,))) as running:
        yield running


def errors(served: Served, family: dict[str, Any], dataset: dict[str, Any]) -> dict[str, str]:
    body = {"family": family, "target": {"width": 256}, "dataset": dataset}
    answer = served.client.post("/v1/studies", json=body)
    assert answer.status_code == 422, answer.text
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_is_taken_and_stored_with_what_its_files_say(
    served: Served, folder: Path, name: str
) -> None:
    options = {one["name"]: one for one in served.client.get("/v1/families").json()["families"]}
    family = next(one for one in options if name in options[one]["datasets"])
    dataset = {"name": name} | EXAMPLES[name](folder)
    study_id = served.submit(family={"name": family}, dataset=dataset, control="none")
    stored = served.client.get(f"/v1/studies/{study_id}").json()["spec"]
    assert stored["dataset"]["path"] == dataset["path"]
    assert all(stored["dataset"].get(fact, 1) for fact in ("classes", "channels", "side"))
    again = served.client.post("/v1/studies", json=stored)
    assert again.status_code == 202, again.text


def test_what_a_file_says_counts_against_the_family_too(served: Served, folder: Path) -> None:
    dataset = {"name": "image-folder", "side": 5} | pictures(folder)
    said = errors(served, {"name": "vit"}, dataset)
    assert "5 x 5 pixels cannot be cut into patches" in said["/dataset/side"]


def test_what_is_wrong_with_a_file_is_said_at_its_field(served: Served, folder: Path) -> None:
    named = {"name": "token-file"} | tokens(folder)
    gpt = {"name": "gpt"}
    assert (
        "give the tokenizer's size, "
        in errors(served, gpt, named | {"vocabulary": 9})["/dataset/vocabulary"]
    )
    assert (
        "does not exist"
        in errors(served, gpt, named | {"validation_path": "no.bin"})["/dataset/validation_path"]
    )
    assert (
        "in none of the directories"
        in errors(served, gpt, named | {"path": "/etc/passwd"})["/dataset/path"]
    )
    long = {"name": "gpt", "context": 4096}
    assert "or lower the family's context" in errors(served, long, named)["/dataset/path"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", ""),
        ("path", "a\0b"),
        ("path", "a\nb"),
        ("path", "x" * 5_000),
        ("path", ["a"]),
        ("path", None),
        ("vocabulary", True),
        ("vocabulary", "256"),
        ("vocabulary", 0),
        ("vocabulary", 2**70),
        ("vocabulary", 1.5),
        ("dtype", "int64"),
        ("skip_bytes", -1),
        ("validation_share", 0),
        ("validation_share", 1),
        ("sha256", "abc"),
    ],
)
def test_fields_that_cannot_be_are_refused_by_name(
    served: Served,
    folder: Path,
    field: str,
    value: Any,  # noqa: ANN401
) -> None:
    named = {"name": "token-file"} | tokens(folder)
    said = errors(served, {"name": "gpt"}, named | {field: value})
    assert list(said) == [f"/dataset/{field}"]


def test_a_service_without_directories_says_how_to_allow_one(
    database: Database, folder: Path
) -> None:
    named = {"name": "token-file"} | tokens(folder)
    with serving(database, AppSettings()) as running:
        said = errors(running, {"name": "gpt"}, named)["/dataset/path"]
    assert "WIDTHWISE_DATASET_DIRS" in said
    assert "--dataset-dir" in said
