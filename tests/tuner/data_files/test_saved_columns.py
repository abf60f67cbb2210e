"""Columns of datasets that Hugging Face saved: read in order, and refused where they are none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tuner.data_files.test_token_files import look, refusal
from tests.workers.datasets.examples import save_to_disk

pytest.importorskip("pyarrow", reason="saved datasets are read with pyarrow, an extra")

TEXTS = {"text": ["größe", "", "x" * 400], "number": [1, 2, 3]}


@pytest.mark.parametrize(
    ("columns", "fields", "blamed", "words"),
    [
        ({"other": ["x"] * 99}, {}, "column", "has no column text (it has other)"),
        ({"text": list(range(99))}, {}, "column", "is of int64, not texts"),
        ({"text": ["x" * 400, None]}, {}, "path", "1 of the column text"),
        ({"text": ["x"] * 9}, {}, "path", "has 18 bytes, of which 1 are to validate on"),
    ],
)
def test_columns_that_are_no_texts_are_refused(
    tmp_path: Path, columns: dict[str, Any], fields: dict[str, Any], blamed: str, words: str
) -> None:
    save_to_disk(tmp_path / "saved", columns, shards=1)
    field, said = refusal(tmp_path, "huggingface-text", path="saved", **fields)
    assert (field, words in said) == (blamed, True), said


def _splits(folder: Path) -> None:
    (folder / "state.json").unlink()
    (folder / "dataset_dict.json").write_text('{"splits": ["train"]}')
    (folder / "train").mkdir()


def _state(state: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(state))

    return spoil


def _braces(folder: Path) -> None:
    (folder / "state.json").write_text("[" * 100_000)


def _cut(folder: Path) -> None:
    path = folder / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_splits, "has the splits train: name one of them"),
        (_state({}), "names no files"),
        (_state([]), "names no files"),
        (_state({"_data_files": [{"filename": "../x.arrow"}]}), "names no files"),
        (_state({"_data_files": [{"filename": "/etc/passwd"}]}), "names no files"),
        (_state({"_data_files": [{"filename": "x.arrow"}]}), "x.arrow does not exist"),
        (_state({"_data_files": ["x"]}), "names no files"),
        (_state({"_indices_data_files": [{"filename": "i"}]}), "flatten_indices"),
        (_braces, "is no JSON"),
        (_cut, "is no whole Arrow file"),
    ],
)
def test_folders_that_are_no_saved_dataset_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    save_to_disk(tmp_path / "saved", TEXTS, shards=1)
    assert look(tmp_path, "huggingface-text", path="saved")
    spoil(tmp_path / "saved")
    _, said = refusal(tmp_path, "huggingface-text", path="saved")
    assert words in said
