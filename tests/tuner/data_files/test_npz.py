"""Arrays of numbers alone come out of an `.npz` file, and none larger than is said and allowed."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.data_files import npz
from tuner.data_files.look import with_facts
from tuner.data_files.npz import stored_arrays
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.families.mlp import Mlp

ROWS = np.arange(40.0).reshape(20, 2)
CLASSES = np.arange(20) % 3
EXPLODED: list[str] = []


class Bomb:
    """What an unpickled object could do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return EXPLODED.append, ("boom",)


def look(folder: Path, name: str = "npz-vectors", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    dataset = DATASETS[name].model_validate({"name": name, "path": "x.npz"} | fields)
    return with_facts(dataset, Mlp(name="mlp"), Places([folder])).model_dump()


def refusal(folder: Path, name: str = "npz-vectors", **fields: Any) -> tuple[str, str]:  # noqa: ANN401
    with pytest.raises(DataRefused) as refused:
        look(folder, name, **fields)
    return refused.value.field, str(refused.value)


def write(folder: Path, **members: bytes) -> None:
    with zipfile.ZipFile(folder / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def npy(array: np.ndarray[Any, Any], *, shape: str | None = None) -> bytes:
    """The array as numpy stores it, with another shape in its header if one is given."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    stored = buffer.getvalue()
    if shape is None:
        return stored
    length = struct.unpack("<H", stored[8:10])[0]
    header = stored[10 : 10 + length].decode().strip()
    changed = header.replace(f"'shape': {array.shape}", f"'shape': {shape}")
    assert changed != header
    padded = changed.ljust(length - 1) + "\n"
    return stored[:8] + struct.pack("<H", len(padded)) + padded.encode() + stored[10 + length :]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", "<i2", "?", "<f2"])
def test_arrays_come_out_as_they_went_in(
    tmp_path: Path,
    save: Any,  # noqa: ANN401
    order: Any,  # noqa: ANN401
    dtype: str,
) -> None:
    array = np.asarray(np.arange(60).reshape(3, 4, 5) % 2, dtype=dtype, order=order)
    save(tmp_path / "x.npz", inputs=array, targets=CLASSES)
    file = Places([tmp_path]).open("x.npz")
    found = stored_arrays(file, ("inputs", "targets"))
    np.testing.assert_array_equal(found["inputs"].read(), array)
    np.testing.assert_array_equal(found["targets"].read(), CLASSES)


def test_an_array_that_is_not_compressed_is_mapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=ROWS)
    array = stored_arrays(Places([tmp_path]).open("x.npz"), ("inputs",))["inputs"].read()
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("name", "inputs", "targets", "facts"),
    [
        ("npz-vectors", ROWS, CLASSES, {"channels": 2, "classes": 3}),
        ("npz-vectors", ROWS, ROWS[:, :1], {"channels": 2, "classes": 1}),
        ("npz-images", np.zeros((20, 4, 4)), CLASSES, {"channels": 1, "side": 4, "classes": 3}),
        ("npz-images", np.zeros((20, 3, 4, 4)), CLASSES, {"channels": 3, "side": 4}),
    ],
)
def test_facts_are_those_of_the_arrays(
    tmp_path: Path,
    name: str,
    inputs: Any,  # noqa: ANN401
    targets: Any,  # noqa: ANN401
    facts: dict[str, int],
) -> None:
    np.savez(tmp_path / "x.npz", inputs=inputs, targets=targets)
    found = look(tmp_path, name)
    assert {fact: found[fact] for fact in facts} == facts


def test_more_classes_than_occur_may_be_given_and_fewer_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=ROWS, targets=CLASSES)
    assert look(tmp_path, classes=10)["classes"] == 10
    assert refusal(tmp_path, classes=2)[0] == "classes"
    assert refusal(tmp_path, channels=3)[0] == "channels"


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        (ROWS, CLASSES[:19], "targets of .* are 19 for 20 inputs"),
        (ROWS[:5], CLASSES[:5], "are 5: give 10 examples or more"),
        (ROWS, CLASSES - 1, "include -1: classes are whole numbers from 0"),
        (ROWS, CLASSES.astype(float), r"have the shape \[20\], not \[N, O\]"),
        (ROWS, np.full((20, 1), np.nan), "are not all finite"),
        (ROWS[:, 0], CLASSES, r"have the shape \[20\], not \[N, I\]"),
        (ROWS.astype(complex), CLASSES, "is of complex128: save an array of numbers"),
        (np.array(["a"] * 20), CLASSES, "is of <U1: save an array of numbers"),
        (np.zeros((20, 0)), CLASSES, r"have the shape \[20, 0\]"),
    ],
)
def test_arrays_that_are_no_examples_are_refused(
    tmp_path: Path,
    inputs: Any,  # noqa: ANN401
    targets: Any,  # noqa: ANN401
    words: str,
) -> None:
    np.savez(tmp_path / "x.npz", inputs=inputs, targets=targets)
    with pytest.raises(DataRefused, match=words):
        look(tmp_path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    objects = np.empty(20, dtype=object)
    objects[:] = Bomb()
    np.savez(tmp_path / "x.npz", inputs=ROWS, targets=objects)
    assert "Python objects, which are never unpickled" in refusal(tmp_path)[1]
    write(tmp_path, inputs=pickle.dumps(Bomb()), targets=npy(CLASSES))
    assert "is no array of numpy's" in refusal(tmp_path)[1]
    (tmp_path / "x.npz").write_bytes(pickle.dumps(Bomb()))
    assert "is no .npz file" in refusal(tmp_path)[1]
    assert EXPLODED == []


def test_an_array_that_unpacks_to_more_than_is_allowed_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "x.npz", inputs=np.zeros((2**14, 2**6)), targets=CLASSES)
    assert (tmp_path / "x.npz").stat().st_size < 2**15
    monkeypatch.setattr(npz, "MOST_UNPACKED", 2**20)
    said = refusal(tmp_path)[1]
    assert f"takes {2**23 + 128} bytes unpacked, and {2**20} is the most" in said


@pytest.mark.parametrize("shape", ["(20, 2000000000)", "(20, 1)", "(99999999999999999999, 2)"])
def test_an_array_that_says_another_size_than_it_has_is_refused(tmp_path: Path, shape: str) -> None:
    write(tmp_path, inputs=npy(ROWS, shape=shape), targets=npy(CLASSES, shape="(30,)"))
    file = Places([tmp_path]).open("x.npz")
    with pytest.raises(DataRefused):
        stored_arrays(file, ("inputs",))["inputs"].read()
    with pytest.raises(DataRefused, match="not as long as its header says"):
        stored_arrays(file, ("targets",))["targets"].read()


def test_a_stored_array_that_says_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("inputs.npy", npy(ROWS, shape="(2000000000, 20)"))
    file = Places([tmp_path]).open("x.npz")
    with pytest.raises(DataRefused, match="is not where the archive says"):
        stored_arrays(file, ("inputs",))["inputs"].read()


def test_a_header_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    stored = npy(ROWS)
    program = b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (20, 2)}"
    header = program.ljust(len(program) + 3) + b"\n"
    written = stored[:8] + struct.pack("<H", len(header)) + header
    write(tmp_path, inputs=written, targets=npy(CLASSES))
    assert "is no array of numpy's" in refusal(tmp_path)[1]


def test_a_damaged_archive_is_refused_at_every_byte(tmp_path: Path) -> None:
    """Whatever byte is changed: the arrays are right, or refused in words."""
    np.savez_compressed(tmp_path / "x.npz", inputs=ROWS, targets=CLASSES)
    whole = (tmp_path / "x.npz").read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "x.npz").write_bytes(damaged)
        try:
            arrays = stored_arrays(Places([tmp_path]).open("x.npz"), ("inputs", "targets"))
            found = arrays["inputs"].read()
        except DataRefused:
            continue
        np.testing.assert_array_equal(found, ROWS)


def test_the_arrays_that_are_there_are_named_where_one_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=ROWS, y=CLASSES)
    assert "has no array inputs (it has x, y): save it as inputs" in refusal(tmp_path)[1]
