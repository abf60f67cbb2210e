"""Texts and tokens: what is refused before anything is trained, and why."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.datasets.examples import write_pair
from tuner.data_files.look import with_facts
from tuner.data_files.megatron import open_pair
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.files import FileDataset
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.families.gpt import Gpt

GPT = Gpt(name="gpt", context=16)


def look(folder: Path, name: str, **fields: Any) -> FileDataset:  # noqa: ANN401
    dataset = DATASETS[name].model_validate({"name": name} | fields)
    found = with_facts(dataset, GPT, Places([folder]))
    assert isinstance(found, FileDataset)
    return found


def refusal(folder: Path, name: str, **fields: Any) -> tuple[str, str]:  # noqa: ANN401
    with pytest.raises(DataRefused) as refused:
        look(folder, name, **fields)
    return refused.value.field, str(refused.value)


def tokens(path: Path, numbers: Any, dtype: str = "<u2") -> None:  # noqa: ANN401  anything numpy takes
    path.write_bytes(np.asarray(numbers, dtype).tobytes())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has 0 bytes"),
        (b"x" * 160, "has 160 bytes, of which 16 are to validate on: sequences of 16 need 170"),
        (b"abc" + b"\xff" * 400, "no UTF-8 text: byte 3 does not belong"),
        ("größer ".encode("latin-1") * 100, "no UTF-8 text: byte 2 does not belong"),
        ("abc".encode("utf-16") * 100, "is UTF-16 text"),
        (gzip.compress(b"abc" * 1000, mtime=0), "compressed with gzip: unpack it"),
        (b"PK\x03\x04" + b"x" * 400, "is a zip archive"),
    ],
)
def test_what_is_no_text_to_train_on_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    field, said = refusal(tmp_path, "text-file", path="x.txt")
    assert field == "path"
    assert words in said


def test_a_text_just_long_enough_is_taken_and_its_path_made_whole(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"x" * 170)
    assert look(tmp_path, "text-file", path="x.txt").path == str(tmp_path / "x.txt")


def test_a_text_without_an_end_of_line_is_as_good_as_any(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"x" * 3_000_000)
    assert look(tmp_path, "text-file", path="x.txt")


def test_a_validation_file_is_held_to_the_same_and_blamed_by_its_field(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"x" * 18)
    (tmp_path / "y.txt").write_bytes(b"y" * 16)
    named = {"path": "x.txt", "validation_path": "y.txt"}
    field, said = refusal(tmp_path, "text-file", **named)
    assert (field, "y.txt has 16 bytes: sequences of 16 need 17" in said) == (
        "validation_path",
        True,
    )
    (tmp_path / "y.txt").write_bytes(b"y" * 17)
    assert look(tmp_path, "text-file", **named)


@pytest.mark.parametrize(
    ("fields", "numbers", "dtype", "field", "words"),
    [
        ({}, [1] * 399 + [300], "<u2", "vocabulary", "token 300, and vocabulary is 300: give"),
        ({}, [7] * 150, "<u2", "path", "has 150 tokens, of which 15 are to validate on"),
        ({}, list(range(200)) * 2, "<u4", "dtype", "as in uint32 tokens: give uint32"),
        ({"dtype": "uint32"}, [9] * 401, "<u2", "path", "no whole number of uint32 tokens"),
        ({"dtype": "uint32"}, [9] * 400, "<u2", "vocabulary", f"token {9 * 65537}"),
        ({}, [20240520, 1, 400] + [5] * 400, "<i4", "path", "give skip_bytes 1024"),
        ({"skip_bytes": 3}, [9] * 400, "<u2", "path", "no whole number of uint16 tokens"),
    ],
)
def test_tokens_that_would_be_misread_are_refused(
    tmp_path: Path,
    fields: dict[str, Any],
    numbers: list[int],
    dtype: str,
    field: str,
    words: str,
) -> None:
    tokens(tmp_path / "x.bin", numbers, dtype)
    named = {"path": "x.bin", "vocabulary": 300} | fields
    blamed, said = refusal(tmp_path, "token-file", **named)
    assert (blamed, words in said) == (field, True), said


def test_an_array_with_numpys_header_is_not_taken_for_tokens(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(500, dtype=np.uint16))
    _, said = refusal(tmp_path, "token-file", path="x.npy", vocabulary=1000)
    assert "is an .npy file" in said


@given(
    lengths=st.lists(st.integers(0, 60), min_size=2, max_size=30).filter(lambda x: sum(x) > 1),
    share=st.floats(0.01, 0.5),
)
def test_megatrons_documents_are_cut_between_documents(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], share: float
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    write_pair(folder / "x", [np.arange(length) for length in lengths])
    pair = open_pair(Places([folder]), "x", "path")
    ends = set(np.cumsum(lengths).tolist())
    cut = pair.cut(share)
    assert pair.count == sum(lengths)
    assert cut in ends or len(ends - {0}) == 1
    assert abs(cut - pair.count * (1 - share)) <= max(lengths)


@pytest.mark.parametrize("given", ["corpus", "corpus.bin", "corpus.idx"])
def test_megatrons_pair_is_named_by_either_file_or_none(tmp_path: Path, given: str) -> None:
    write_pair(tmp_path / "corpus", [np.arange(200)] * 4)
    assert look(tmp_path, "megatron-tokens", path=given, vocabulary=200)


def _damaged(index: bytes, name: str) -> bytes:
    header = struct.Struct("<9sQBQQ")
    magic, version, code, sequences, boundaries = header.unpack(index[: header.size])
    rest = index[header.size :]
    return {
        "cut": index[: header.size + 5],
        "nothing": b"",
        "magic": b"TNTIDX\0\0\0" + index[9:],
        "version": header.pack(magic, 2, code, sequences, boundaries) + rest,
        "floating": header.pack(magic, version, 6, sequences, boundaries) + rest,
        "type": header.pack(magic, version, 4, sequences, boundaries) + rest,
        "endless": header.pack(magic, version, code, 2**62, boundaries) + rest,
        "empty": header.pack(magic, version, code, 0, 1) + rest,
        "negative": index[: header.size] + struct.pack("<i", -5) + rest[4:],
        "longer": index[: header.size] + struct.pack("<i", 205) + rest[4:],
    }[name]


DAMAGES = ["cut", "nothing", "magic", "version", "floating"]
DAMAGES += ["type", "endless", "empty", "negative", "longer"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_refused(tmp_path: Path, damage: str) -> None:
    write_pair(tmp_path / "x", [np.arange(200)] * 4)
    index = tmp_path / "x.idx"
    index.write_bytes(_damaged(index.read_bytes(), damage))
    field, said = refusal(tmp_path, "megatron-tokens", path="x", vocabulary=200)
    assert field == "path"
    assert "x.idx" in said
