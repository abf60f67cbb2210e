"""Write a trial's state to a checkpoint, and read it back bit for bit.

Names are {study id}/{trial number}/{step}-{attempt}.safetensors: a second attempt never writes over
what the first one stored.
"""

import json
import pickle
import struct
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

from tuner.engine.checkpoints import Checkpoint, CheckpointStore
from workers.training.packed_state import packed, unpacked

_SUFFIX: Final = ".safetensors"
_PICKLED: Final = ".pt"
"""Suffix of releases that wrote with `torch.save`: what they stored is still read."""


class CheckpointUnreadable(Exception):
    """The checkpoint that an order starts from is missing or damaged."""

    def __init__(self, uri: str, cause: str) -> None:
        self.uri = uri
        super().__init__(
            f"cannot read the checkpoint {uri} ({cause}): restore the file from a backup,"
            " or run the study again"
        )


class CheckpointUnwritable(Exception):
    """There is no room, or no permission, to store a checkpoint."""

    def __init__(self, name: str, cause: OSError) -> None:
        super().__init__(
            f"cannot write the checkpoint {name} ({cause.strerror or cause}): free space on that"
            " disk or make the folder writable"
        )


def checkpoint_name(study_id: str, number: int, step: int, attempt: int) -> str:
    """Name of the state of a trial after `step` updates."""
    return f"{study_id}/{number:06d}/{step}-{attempt}{_SUFFIX}"


def save(state: dict[str, Any], store: CheckpointStore, name: str, step: int) -> Checkpoint:
    """Write a state of tensors and plain values; durable when this returns.

    Raises:
        CheckpointUnwritable: if the disk is full or read-only.

    """
    try:
        return Checkpoint(step=step, uri=store.write(name, partial(_write, state)))
    except OSError as error:
        raise CheckpointUnwritable(name, error) from error


def load(checkpoint: Checkpoint, store: CheckpointStore) -> dict[str, Any]:
    """Read a state back, bit for bit; runs no code from the file.

    Raises:
        CheckpointUnreadable: if it is missing, damaged or of another step.

    """
    uri = checkpoint.uri
    try:
        with store.read(uri) as path:
            state = unpacked(_pickled(path) if path.suffix == _PICKLED else _stored(path))
    except (
        OSError,
        EOFError,
        LookupError,
        RuntimeError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointUnreadable(uri, f"{type(error).__name__}: {error}") from error
    if state["step"] != checkpoint.step:
        raise CheckpointUnreadable(
            uri, f"it holds step {state['step']}, not step {checkpoint.step}"
        )
    return state


def _write(state: dict[str, Any], path: Path) -> None:
    """Write a safetensors file: the length of its header, the header, the tensors' bytes.

    The library's own writer replaces the file by one of its making, which only this user could
    read, and which a killed worker would leave behind under a name of the library's.
    """
    one = packed(state)
    piece = {"dtype": "U8", "shape": [len(one["bytes"])], "data_offsets": [0, len(one["bytes"])]}
    header = json.dumps({"__metadata__": {"plan": one["plan"]}, "bytes": piece}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.write(one["bytes"].numpy().data)


def _stored(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return {"plan": file.metadata()["plan"], "bytes": file.get_tensor("bytes")}


def _pickled(path: Path) -> dict[str, Any]:
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return stored
