"""Checkpoints: all or nothing, bit for bit, and readable errors."""

import os
from pathlib import Path

import pytest
import torch
from torch.utils import _pytree as pytree

from tests.workers.specs import TINY_GPT, TINY_MLP, model_spec, trial_spec
from tuner.engine.protocol import Checkpoint
from tuner.spec.families.catalogue import Gpt, Mlp
from workers.training.checkpoint import (
    CheckpointUnreadable,
    CheckpointUnwritable,
    checkpoint_path,
    load,
    save,
)
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("family", [TINY_GPT, TINY_MLP])
def test_a_trial_resumed_from_a_checkpoint_ends_as_if_never_stopped(
    family: Gpt | Mlp, optimizer: str, tmp_path: Path
) -> None:
    spec = trial_spec(model=model_spec(family, width=32), optimizer=optimizer)
    uninterrupted = new_trial(spec)
    whole = train_to(uninterrupted, 12)
    for step in (0, 3, 6, 11):
        trial = new_trial(spec)
        head = train_to(trial, step)
        stored = save(trial.state(), tmp_path / f"{step}.pt", step)
        resumed = restored_trial(spec, load(stored))
        tail = train_to(resumed, 12)
        assert [*head.updates, *tail.updates] == list(whole.updates)
        assert tail.validation_loss == whole.validation_loss
        assert resumed.train_losses == uninterrupted.train_losses
        for a, b in zip(resumed.parameters, uninterrupted.parameters, strict=True):
            assert torch.equal(a, b)


def test_the_path_names_study_trial_step_and_attempt(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, "std_1", number=7, step=50, attempt=2)
    assert path == tmp_path / "std_1" / "000007" / "50-2.pt"


def test_saving_leaves_the_checkpoint_alone_in_its_folder(tmp_path: Path) -> None:
    leftover = tmp_path / "trial" / "10-1.tmp"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half a checkpoint")
    save({"step": 20}, tmp_path / "trial" / "20-2.pt", 20)
    assert os.listdir(tmp_path / "trial") == ["20-2.pt"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "5-1.pt"
    stored = save({"step": 5, "train_losses": torch.zeros(100)}, path, 5)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointUnreadable, match=r"5-1\.pt .*run the study again"):
        load(stored)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnreadable, match=r"5-1\.pt .*FileNotFoundError"):
        load(Checkpoint(step=5, path=str(tmp_path / "5-1.pt")))


def test_a_checkpoint_of_another_step_is_refused(tmp_path: Path) -> None:
    stored = save({"step": 5}, tmp_path / "5-1.pt", 5)
    with pytest.raises(CheckpointUnreadable, match="holds step 5, not step 6"):
        load(Checkpoint(step=6, path=stored.path))


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "pwned"),)

    torch.save({"step": 5, "payload": Payload()}, tmp_path / "5-1.pt")
    with pytest.raises(CheckpointUnreadable):
        load(Checkpoint(step=5, path=str(tmp_path / "5-1.pt")))
    assert not (tmp_path / "pwned").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be: permissions would not stop root."""
    (tmp_path / "study").write_text("in the way")
    with pytest.raises(CheckpointUnwritable, match=r"50-1\.pt .*free space"):
        save({"step": 50}, checkpoint_path(tmp_path, "study", 0, 50, 1), 50)


def test_what_is_saved_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Every sort of value that a state holds, views of larger tensors among them."""
    matrix = torch.arange(12, dtype=torch.float64).view(3, 4)
    state = {
        "step": 3,
        "model": {"weight": matrix.mT, "row": matrix[1], "empty": torch.empty(0, 5)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "values": (None, True, "word", torch.tensor([1, 2]), torch.tensor([0.5]).bfloat16()),
    }
    restored = load(save(state, tmp_path / "3-1.pt", 3))
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
