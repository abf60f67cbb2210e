"""Checkpoints: all or nothing, bit for bit, and readable errors."""

import os
from pathlib import Path

import pytest
import torch
from torch.utils import _pytree as pytree

from tests.workers.specs import TINY_GPT, TINY_MLP, model_spec, trial_spec
from tuner.engine.checkpoints import Checkpoint, FileCheckpoints
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.training.checkpoint import (
    CheckpointUnreadable,
    CheckpointUnwritable,
    checkpoint_name,
    load,
    save,
)
from workers.training.packed_state import packed
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("family", [TINY_GPT, TINY_MLP])
def test_a_trial_resumed_from_a_checkpoint_ends_as_if_never_stopped(
    family: Gpt | Mlp, optimizer: str, tmp_path: Path
) -> None:
    spec = trial_spec(model=model_spec(family, width=32), optimizer=optimizer)
    store = FileCheckpoints(tmp_path)
    uninterrupted = new_trial(spec)
    whole = train_to(uninterrupted, 12)
    for step in (0, 3, 6, 11):
        trial = new_trial(spec)
        head = train_to(trial, step)
        stored = save(trial.state(), store, f"{step}", step)
        resumed = restored_trial(spec, load(stored, store))
        tail = train_to(resumed, 12)
        assert [*head.updates, *tail.updates] == list(whole.updates)
        assert tail.validation_loss == whole.validation_loss
        assert resumed.train_losses == uninterrupted.train_losses
        for a, b in zip(resumed.parameters, uninterrupted.parameters, strict=True):
            assert torch.equal(a, b)


def test_the_uri_names_study_trial_step_and_attempt(tmp_path: Path) -> None:
    name = checkpoint_name("std_1", number=7, step=50, attempt=2)
    stored = save({"step": 50}, FileCheckpoints(tmp_path / "a folder"), name, 50)
    path = tmp_path / "a folder" / "std_1" / "000007" / "50-2.safetensors"
    assert stored.uri == path.as_uri()
    assert path.is_file()


def test_saving_leaves_the_checkpoint_alone_in_its_folder(tmp_path: Path) -> None:
    leftover = tmp_path / "trial" / "10-1.tmp"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half a checkpoint")
    save({"step": 20}, FileCheckpoints(tmp_path), "trial/20-2.safetensors", 20)
    assert os.listdir(tmp_path / "trial") == ["20-2.safetensors"]


def test_a_checkpoint_stored_by_an_older_release_is_still_read(tmp_path: Path) -> None:
    """It was written by `torch.save`, and its place was stored as a path."""
    tensor = torch.arange(6.0).view(2, 3).mT
    path = tmp_path / "a folder" / "5-1.pt"
    path.parent.mkdir()
    torch.save(packed({"step": 5, "weight": tensor}), path)
    stored = Checkpoint(step=5, uri=path.as_uri())
    assert Checkpoint(step=5, uri=str(path)) == stored, "as trials have it in their column"
    state = load(stored, FileCheckpoints(tmp_path))
    assert torch.equal(state["weight"], tensor)
    assert state["weight"].stride() == tensor.stride()


@pytest.mark.parametrize("name", ["5-1.safetensors", "5-1.pt"])
def test_a_damaged_checkpoint_is_named(name: str, tmp_path: Path) -> None:
    path, state = tmp_path / name, {"step": 5, "train_losses": torch.zeros(100)}
    if path.suffix == ".pt":
        torch.save(packed(state), path)
    else:
        save(state, FileCheckpoints(tmp_path), name, 5)
    for length in (200, 20, 0):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(CheckpointUnreadable, match=rf"{name} .*run the study again"):
            load(Checkpoint(step=5, uri=path.as_uri()), FileCheckpoints(tmp_path))


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    missing = Checkpoint(step=5, uri=(tmp_path / "5-1.safetensors").as_uri())
    with pytest.raises(CheckpointUnreadable, match=r"5-1\.safetensors .*FileNotFoundError"):
        load(missing, FileCheckpoints(tmp_path))


def test_a_checkpoint_that_another_store_keeps_is_named(tmp_path: Path) -> None:
    elsewhere = Checkpoint(step=5, uri="s3://bucket/5-1.safetensors")
    with pytest.raises(CheckpointUnreadable, match=r"s3://bucket.* is not a file:// URI"):
        load(elsewhere, FileCheckpoints(tmp_path))


def test_a_checkpoint_of_another_step_is_refused(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    stored = save({"step": 5}, store, "5-1.safetensors", 5)
    with pytest.raises(CheckpointUnreadable, match="holds step 5, not step 6"):
        load(Checkpoint(step=6, uri=stored.uri), store)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "pwned"),)

    torch.save({"step": 5, "payload": Payload()}, tmp_path / "5-1.pt")
    with pytest.raises(CheckpointUnreadable):
        load(Checkpoint(step=5, uri=(tmp_path / "5-1.pt").as_uri()), FileCheckpoints(tmp_path))
    assert not (tmp_path / "pwned").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be: permissions would not stop root."""
    (tmp_path / "study").write_text("in the way")
    with pytest.raises(CheckpointUnwritable, match=r"50-1\.safetensors .*free space"):
        save({"step": 50}, FileCheckpoints(tmp_path), checkpoint_name("study", 0, 50, 1), 50)


def test_deleting_takes_one_checkpoint_or_all_of_a_study(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    stored = [
        save({"step": step}, store, checkpoint_name(study, 0, step, 1), step)
        for study in ("std_1", "std_2")
        for step in (5, 10)
    ]
    store.delete(stored[0].uri)
    store.delete(stored[0].uri)  # a coordinator that died after it deletes again
    assert load(stored[1], store) == {"step": 10}
    assert store.studies() == {"std_1", "std_2"}
    store.delete_study("std_1")
    assert store.studies() == {"std_2"}
    assert load(stored[2], store) == {"step": 5}


def test_what_is_saved_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Every sort of value that a state holds, views of larger tensors among them."""
    matrix = torch.arange(12, dtype=torch.float64).view(3, 4)
    state = {
        "step": 3,
        "model": {"weight": matrix.mT, "row": matrix[1], "empty": torch.empty(0, 5)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "values": (None, True, "word", torch.tensor([1, 2]), torch.tensor([0.5]).bfloat16()),
    }
    store = FileCheckpoints(tmp_path)
    restored = load(save(state, store, "3-1.safetensors", 3), store)
    plain, tensors = leaves(state)
    assert leaves(restored)[0] == plain
    for one, other in zip(leaves(restored)[1], tensors, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
        assert one.untyped_storage().nbytes() == one.nbytes


def leaves(value: object) -> tuple[object, list[torch.Tensor]]:
    """The value with its tensors taken out, and those."""
    found, structure = pytree.tree_flatten(value)
    tensors = [one for one in found if isinstance(one, torch.Tensor)]
    plain = [one for one in found if not isinstance(one, torch.Tensor)]
    return (plain, structure), tensors
