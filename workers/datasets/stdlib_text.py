"""Bytes of the running Python's standard library: real text that every machine has."""

import hashlib
import math
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_draws

MAX_BYTES: Final = 8_000_000
_EXCLUDED_FOLDERS: Final = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
)
_EXCLUDED_PREFIXES: Final = ("_sysconfigdata", "sitecustomize", "usercustomize")
"""Written when Python was built or by the machine's owner, not part of the library's text."""
_VALIDATION_SHARE: Final = 0.1
_VALIDATION_TOKENS: Final = 4_096
_VALIDATION_SEQUENCES: Final = 8
_VALIDATION_BATCH_TOKENS: Final = 1_024


@dataclass(frozen=True)
class Corpus:
    """Text of whole files, [bytes] uint8 each."""

    train: Tensor
    validation: Tensor
    sha256: str


def source_files(root: Path) -> list[Path]:
    """The library's `.py` files below `root`, in an order that is the same on every machine.

    Sorted by the hash of their relative paths, so that a byte limit takes a sample of the whole
    library and not its first letters.
    """
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _EXCLUDED_FOLDERS]
        files += [
            Path(folder, name)
            for name in names
            if name.endswith(".py") and not name.startswith(_EXCLUDED_PREFIXES)
        ]
    return sorted(files, key=lambda path: _path_hash(root, path))


def read_corpus(root: Path, max_bytes: int) -> Corpus:
    """Whole files in order until `max_bytes` are read; about every tenth is held out.

    Raises:
        ValueError: if there are too few files for both parts.

    """
    parts: dict[bool, list[bytes]] = {True: [], False: []}
    size = 0
    for path in source_files(root):
        text = path.read_bytes()
        # The first bytes of the hash order the files: the split reads the last one.
        held_out = _path_hash(root, path)[-1] < 256 * _VALIDATION_SHARE
        parts[held_out].append(text)
        size += len(text)
        if size >= max_bytes:
            break
    train, validation = b"".join(parts[False]), b"".join(parts[True])
    if not train or not validation:
        raise ValueError(
            f"the standard library at {root} has too few .py sources to train on ({size} bytes):"
            " run the workers with a Python that was installed with its library's sources"
        )
    return Corpus(
        train=torch.frombuffer(bytearray(train), dtype=torch.uint8),
        validation=torch.frombuffer(bytearray(validation), dtype=torch.uint8),
        sha256=hashlib.sha256(train + b"\0" + validation).hexdigest(),
    )


class TextData:
    """Windows of `context` bytes and, as targets, the bytes that follow each."""

    def __init__(self, corpus: Corpus, context: int) -> None:
        shortest = min(len(corpus.train), len(corpus.validation))
        if shortest <= context:
            raise ValueError(f"context {context} does not fit into {shortest} bytes of text")
        self.sha256 = corpus.sha256
        self.corpus = corpus
        self._window = torch.arange(context + 1)
        sequences = max(_VALIDATION_SEQUENCES, _VALIDATION_TOKENS // context)
        last_start = len(corpus.validation) - context - 1
        self._validation_starts = torch.linspace(
            0, last_start, sequences, dtype=torch.float64
        ).long()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based): windows drawn with replacement."""
        return self.gathered(self.whole(), self.drawn(seed, step, batch_size))

    @property
    def whole_bytes(self) -> int:
        """Size of the text that is trained on."""
        return self.corpus.train.nbytes

    def whole(self) -> tuple[Tensor, Tensor]:
        """The text that is trained on, and the places of a window."""
        return self.corpus.train, self._window

    def drawn(self, seed: int, step: int, batch_size: int) -> Tensor:
        """Starts of the batch's windows, [B]."""
        starts = len(self.corpus.train) - len(self._window) + 1
        return keyed_draws(seed, step, batch_size, starts)

    def gathered(self, whole: tuple[Tensor, ...], drawn: Tensor) -> Batch:
        """Windows, and the bytes that follow each."""
        text, places = whole
        return windows(text, places, drawn)

    def validation(self) -> Iterator[Batch]:
        """Evenly spaced windows of the held-out files, about a thousand bytes a batch."""
        context = len(self._window) - 1
        for starts in torch.split(
            self._validation_starts, math.ceil(_VALIDATION_BATCH_TOKENS / context)
        ):
            yield windows(self.corpus.validation, self._window, starts)


def windows(text: Tensor, places: Tensor, starts: Tensor) -> Batch:
    """Windows of a text and, as targets, what follows each of their tokens.

    Args:
        places: 0 to a window's length, from its start.
        starts: [..., B].

    """
    cut = text[starts.unsqueeze(-1) + places].long()
    return Batch(cut[..., :-1], cut[..., 1:])


@cache
def load_text_data(context: int) -> TextData:
    """The running Python's library, read once per process, in windows of `context` bytes."""
    return TextData(_running_library(), context)


def load(_dataset: StdlibText, family: ModelFamily) -> TextData:
    """The text in windows as long as the family's sequences."""
    return load_text_data(family.tokens_per_example)


@cache
def _running_library() -> Corpus:
    return read_corpus(Path(sysconfig.get_path("stdlib")), MAX_BYTES)


def _path_hash(root: Path, path: Path) -> bytes:
    return hashlib.sha256(path.relative_to(root).as_posix().encode()).digest()
