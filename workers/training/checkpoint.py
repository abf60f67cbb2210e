"""A trial's state on disk, stored so that a reader finds all of it or nothing.

Paths are {folder}/{study id}/{trial number}/{step}-{attempt}.pt: a second attempt never writes
over what the first one stored.
"""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from tuner.engine.protocol import Checkpoint
from workers.training.packed_state import packed, unpacked


class CheckpointUnreadable(Exception):
    """The checkpoint that an order starts from is missing or damaged."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"cannot read the checkpoint {path} ({cause}): restore the file from a backup,"
            " or run the study again"
        )


class CheckpointUnwritable(Exception):
    """There is no room, or no permission, to store a checkpoint."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(
            f"cannot write the checkpoint {path} ({cause.strerror or cause}): free space on that"
            " disk or make the folder writable, then run the study again"
        )


def checkpoint_path(folder: Path, study_id: str, number: int, step: int, attempt: int) -> Path:
    """Where the state of a trial after `step` updates goes."""
    return folder / study_id / f"{number:06d}" / f"{step}-{attempt}.pt"


def save(state: dict[str, Any], path: Path, step: int) -> Checkpoint:
    """Write a state of tensors and plain values; durable when this returns.

    Raises:
        CheckpointUnwritable: if the disk is full or read-only.

    """
    unfinished = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A trial is written by one slot at a time: what is unfinished here was left by a dead one.
        for leftover in path.parent.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
        with unfinished.open("wb") as file:
            torch.save(packed(state), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise CheckpointUnwritable(path, error) from error
    return Checkpoint(step=step, path=str(path))


def load(checkpoint: Checkpoint) -> dict[str, Any]:
    """Read a state back, bit for bit; runs no code from the file.

    Raises:
        CheckpointUnreadable: if it is missing, damaged or of another step.

    """
    path = Path(checkpoint.path)
    try:
        state = unpacked(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, LookupError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointUnreadable(path, f"{type(error).__name__}: {error}") from error
    if state["step"] != checkpoint.step:
        raise CheckpointUnreadable(
            path, f"it holds step {state['step']}, not step {checkpoint.step}"
        )
    return state


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
