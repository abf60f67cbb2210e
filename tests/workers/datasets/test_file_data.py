"""Batches of files: what is in them, and that they are those of the file that a study began on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.workers.datasets.examples import (
    CLASSES,
    SIDE,
    npz_vectors,
    pictures,
    save_to_disk,
    text,
    write_pair,
)
from tests.workers.specs import TINY_GPT, TINY_MLP, model_spec
from tuner.data_files.look import with_facts
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.engine.orders import DescribeOrder, ModelSpec, OrderId
from tuner.engine.reports import Done, Failed
from tuner.spec.changed import Changed
from tuner.spec.datasets.dataset import Text
from tuner.spec.datasets.files import FileDataset
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.states import StateReason
from workers.datasets.access import Access, allow, allowed
from workers.datasets.data import Data, keyed_draws
from workers.datasets.load import load_data
from workers.slot.orders import OpenCohort, carry_out

CONTEXT = TINY_GPT.tokens_per_example


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A directory that data may lie in."""
    before = allowed()
    allow(Access(Places([tmp_path]), tmp_path / ".memory"))
    yield tmp_path
    allow(before)


def spec_of(name: str, **fields: Any) -> ModelSpec:  # noqa: ANN401
    made = DATASETS[name].model_validate({"name": name} | fields)
    family = TINY_GPT if isinstance(made, Text) else TINY_MLP
    dataset = with_facts(made, family, allowed().places)
    return model_spec(family).model_copy(update={"dataset": dataset})


def data_of(name: str, **fields: Any) -> Data:  # noqa: ANN401
    return load_data(spec_of(name, **fields))


def test_windows_of_a_text_are_its_bytes_and_validation_is_its_end(folder: Path) -> None:
    named = text(folder)
    whole = (folder / "text.txt").read_bytes()
    data = data_of("text-file", **named, validation_share=0.25)
    cut = len(whole) - int(0.25 * len(whole))
    starts = keyed_draws(3, 5, 4, cut - CONTEXT).tolist()
    inputs, targets = data.batch(3, 5, 4)
    assert [bytes(row) for row in inputs.tolist()] == [whole[at:][:CONTEXT] for at in starts]
    assert [bytes(row) for row in targets.tolist()] == [whole[at + 1 :][:CONTEXT] for at in starts]
    held_out = [bytes(row) for batch in data.validation() for row in batch.inputs.tolist()]
    assert held_out[0] == whole[cut:][:CONTEXT]
    assert held_out[-1] == whole[-CONTEXT - 1 : -1]
    assert all(one in whole[cut:] for one in held_out)


@pytest.mark.parametrize(("dtype", "stored"), [("uint16", "<u2"), ("uint32", "<u4")])
def test_tokens_of_both_sizes_are_read_after_what_is_skipped(
    folder: Path, dtype: str, stored: str
) -> None:
    numbers = np.arange(40_000, 41_000)
    (folder / "x.bin").write_bytes(b"\xff" * 8 + numbers.astype(stored).tobytes())
    named = {"path": "x.bin", "vocabulary": 41_000, "dtype": dtype, "skip_bytes": 8}
    data = data_of("token-file", **named)
    inputs, targets = data.batch(0, 0, 64)
    assert torch.equal(inputs + 1, targets)
    assert int(inputs.min()) >= 40_000
    held_out = torch.cat([batch.inputs for batch in data.validation()])
    assert int(held_out.min()) == 40_900


def test_a_validation_file_is_what_is_validated_on_and_the_first_is_trained_on_to_its_end(
    folder: Path,
) -> None:
    np.full(2_000, 5, "<u2").tofile(folder / "train.bin")
    np.full(600, 7, "<u2").tofile(folder / "val.bin")
    named = {"path": "train.bin", "validation_path": "val.bin", "vocabulary": 8}
    data = data_of("token-file", **named)
    assert set(data.batch(0, 0, 50).inputs.flatten().tolist()) == {5}
    assert {n for one in data.validation() for n in one.inputs.flatten().tolist()} == {7}
    alone = data_of("token-file", path="train.bin", vocabulary=8)
    assert alone.sha256 != data.sha256


def test_a_token_beyond_the_vocabulary_is_found_wherever_it_is(folder: Path) -> None:
    numbers = np.zeros(200_000, "<u2")
    numbers[150_000] = 99
    numbers.tofile(folder / "x.bin")
    with pytest.raises(DataRefused, match="has the token 99, and vocabulary is 50"):
        data_of("token-file", path="x.bin", vocabulary=50)
    assert data_of("token-file", path="x.bin", vocabulary=100)


def test_megatrons_last_documents_are_held_out(folder: Path) -> None:
    write_pair(folder / "x", [np.full(300, number) for number in range(10)], code=4)
    data = data_of("megatron-tokens", path="x", vocabulary=10, validation_share=0.2)
    trained = {n for n in data.batch(0, 0, 400).inputs.flatten().tolist()}
    held_out = {n for one in data.validation() for n in one.inputs.flatten().tolist()}
    assert (trained, held_out) == (set(range(8)), {8, 9})


def test_columns_are_standardised_each_by_its_own_and_constant_ones_are_zero(folder: Path) -> None:
    data = data_of("npz-vectors", **npz_vectors(folder))
    inputs = data.batch(0, 0, 4_000).inputs
    torch.testing.assert_close(inputs.mean(0), torch.zeros(5), rtol=0, atol=0.1)
    torch.testing.assert_close(inputs.std(0), torch.tensor([1.0, 1, 1, 0, 1]), rtol=0, atol=0.1)


def test_floating_targets_are_predicted_as_they_are(folder: Path) -> None:
    inputs = np.random.default_rng(0).normal(size=(50, 3))
    np.savez(folder / "x.npz", inputs=inputs, targets=inputs[:, :2] * 7 + 1)
    spec = spec_of("npz-vectors", path="x.npz")
    targets = load_data(spec).batch(0, 0, 8).targets
    assert (targets.shape, targets.dtype) == ((8, 2), torch.get_default_dtype())
    first = inputs[:, 0].astype(np.float32) * 7 + 1
    assert all(np.isclose(first, one, rtol=1e-5).any() for one in targets[:, 0].tolist())


def test_inputs_that_are_not_finite_are_refused(folder: Path) -> None:
    inputs = np.zeros((50, 3))
    inputs[17, 1] = np.nan
    np.savez(folder / "x.npz", inputs=inputs, targets=np.arange(50) % 2)
    with pytest.raises(DataRefused, match=r"inputs are not all finite in .*x\.npz"):
        data_of("npz-vectors", path="x.npz")


def test_every_class_of_pictures_holds_out_its_share(folder: Path) -> None:
    data = data_of("image-folder", **pictures(folder), validation_share=0.2)
    (held_out,) = data.validation()
    assert torch.bincount(held_out.targets).tolist() == [4] * CLASSES
    assert held_out.inputs.shape == (12, 3 * SIDE**2)


def test_a_broken_picture_among_many_is_named(folder: Path) -> None:
    named = pictures(folder)
    broken = folder / "pictures" / "c" / "59.png"
    broken.write_bytes(broken.read_bytes()[:70])
    with pytest.raises(DataRefused, match=r"c/59\.png is"):
        data_of("image-folder", **named)


# Changes while a study trains


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


def _one_byte(path: Path) -> None:
    """In place, with the size and the time that it had."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(2_000)
        file.write(b"\x00")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _truncate(path: Path) -> None:
    """Reading what was mapped and is gone would end the process."""
    os.truncate(path, 10)


def _replace(path: Path) -> None:
    (path.parent / "other").write_bytes(path.read_bytes()[::-1].replace(b"\n", b" "))
    (path.parent / "other").rename(path)


def _link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("change", [_append, _one_byte, _truncate, _replace, _link_out, os.unlink])
def test_a_text_that_changes_ends_the_batches(folder: Path, change: Callable[[Path], None]) -> None:
    (folder / "x.txt").write_bytes(b"abc def " * 1_000)
    data = data_of("text-file", path="x.txt")
    data.batch(0, 0, 4)
    change(folder / "x.txt")
    with pytest.raises(Changed, match=r"x.txt|/etc/passwd"):
        data.batch(0, 1, 4)


def test_a_text_that_is_touched_or_put_back_goes_on(folder: Path) -> None:
    path = folder / "x.txt"
    path.write_bytes(b"abc def " * 1_000)
    data = data_of("text-file", path="x.txt")
    before = data.batch(0, 0, 4)
    os.utime(path)
    assert torch.equal(data.batch(0, 0, 4).inputs, before.inputs)
    path.rename(folder / "aside")
    with pytest.raises(Changed, match="does not exist"):
        data.batch(0, 0, 4)
    (folder / "aside").rename(path)
    assert torch.equal(data.batch(0, 0, 4).inputs, before.inputs)


def test_pictures_that_change_between_two_orders_are_noticed(folder: Path) -> None:
    spec = spec_of("image-folder", **pictures(folder))
    first = load_data(spec)
    assert load_data(spec) is first
    (folder / "pictures" / "a" / "0.png").unlink()
    with pytest.raises(Changed, match="has changed since the study began"):
        load_data(spec)


def described(spec: ModelSpec, folder: Path) -> Done | Failed:
    order = DescribeOrder(id=OrderId("ord_1"), study_id="std_1", model=spec)
    (report,) = carry_out(order, OpenCohort(), folder / ".checkpoints")
    assert isinstance(report, Done | Failed)
    return report


def test_a_worker_says_whether_data_cannot_be_used_or_have_changed(folder: Path) -> None:
    (folder / "x.txt").write_bytes(b"abc def " * 1_000)
    spec = spec_of("text-file", path="x.txt")
    done = described(spec, folder)
    assert isinstance(done, Done)
    assert done.data_sha256 is not None
    bound = spec.model_copy(update={"dataset": spec.dataset.of(done.data_sha256)})
    assert isinstance(described(bound, folder), Done)
    (folder / "x.txt").write_bytes(b"abc deg " * 1_000)
    changed = described(bound, folder)
    assert isinstance(changed, Failed)
    assert changed.reason is StateReason.CHANGED
    assert f"its sha256 was {done.data_sha256}" in changed.message
    (folder / "x.txt").write_bytes(b"\xff" * 8_000)
    refused = described(spec_at(spec, folder / "y.txt"), folder)
    assert isinstance(refused, Failed)
    assert (refused.reason, refused.message) == (
        StateReason.ERROR,
        f"{folder / 'y.txt'} does not exist: correct the path",
    )


def spec_at(spec: ModelSpec, path: Path) -> ModelSpec:
    assert isinstance(spec.dataset, FileDataset)
    dataset = spec.dataset.model_copy(update={"path": str(path)})
    return spec.model_copy(update={"dataset": dataset})


def test_contents_other_than_the_study_asks_for_are_refused(folder: Path) -> None:
    (folder / "x.txt").write_bytes(b"abc def " * 1_000)
    with pytest.raises(Changed, match=f"its sha256 was {'0' * 64}"):
        data_of("text-file", path="x.txt", sha256="0" * 64)


def test_rows_of_a_saved_column_follow_each_other(folder: Path) -> None:
    save_to_disk(folder / "t", {"text": [f"größe {number}" for number in range(200)]}, shards=3)
    whole = "".join(f"größe {number}\n" for number in range(200)).encode()
    inputs = data_of("huggingface-text", path="t").batch(0, 0, 50).inputs
    assert all(bytes(row) in whole for row in inputs.tolist())
    rows = [list(range(7 * number, 7 * number + 7)) for number in range(100)]
    save_to_disk(folder / "n", {"input_ids": rows}, shards=3)
    inputs, targets = data_of("huggingface-tokens", path="n", vocabulary=700).batch(0, 0, 50)
    assert torch.equal(inputs + 1, targets)
    with pytest.raises(DataRefused, match="has the token 699, and vocabulary is 600"):
        data_of("huggingface-tokens", path="n", vocabulary=600)
