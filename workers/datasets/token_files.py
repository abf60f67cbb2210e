"""Texts and tokens in users' files: windows of mapped arrays."""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.data_files.megatron import Pair, open_pair
from tuner.data_files.opened import Opened
from tuner.data_files.refused import DataRefused
from tuner.data_files.scans import scan
from tuner.data_files.token_files import open_text, open_tokens, parts_of, require_vocabulary
from tuner.spec.datasets.megatron_tokens import MegatronTokens
from tuner.spec.datasets.text_file import TextFile
from tuner.spec.datasets.token_file import TokenFile
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.access import Access, allowed
from workers.datasets.data import Batch, keyed_draws
from workers.datasets.stdlib_text import windows
from workers.datasets.watched import Watched, watched

_VALIDATION_TOKENS: Final = 4_096
_VALIDATION_SEQUENCES: Final = 8
_VALIDATION_BATCH_TOKENS: Final = 1_024

Tokens = npt.NDArray[Any]
"""[tokens] of whole numbers, mapped or not."""


@dataclass(frozen=True)
class Part:
    """Tokens of one file."""

    tokens: Tokens
    files: tuple[Opened, ...]
    sha256: str
    cut: int
    """Tokens that are trained on, where the rest is validated on."""


class TokenData:
    """Windows of `context` tokens and, as targets, the tokens that follow each."""

    def __init__(self, parts: tuple[Part, ...], context: int) -> None:
        first, last = parts[0], parts[-1]
        together = len(parts) == 1
        self._train = first.tokens[: first.cut] if together else first.tokens
        self._held_out = last.tokens[first.cut :] if together else last.tokens
        shortest = min(len(self._train), len(self._held_out))
        if shortest <= context:
            raise DataRefused(
                "path",
                f"{first.files[0].path}: context {context} does not fit into {shortest} tokens:"
                " give more, or lower the family's context",
            )
        self._files = tuple(file for part in parts for file in part.files)
        self._window = np.arange(context + 1)
        sequences = max(_VALIDATION_SEQUENCES, _VALIDATION_TOKENS // context)
        self._starts = np.linspace(0, len(self._held_out) - context - 1, sequences).astype(np.int64)
        hashes = " ".join(part.sha256 for part in parts)
        self.sha256 = first.sha256 if together else hashlib.sha256(hashes.encode()).hexdigest()

    def stands(self, *, closely: bool) -> bool:
        """True if the files are those that were opened."""
        return all(file.stands() for file in self._files)

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based): windows drawn with replacement."""
        return self._windows(self._train, self.drawn(seed, step, batch_size).numpy())

    @property
    def whole_bytes(self) -> int:
        """Size of the tokens that are trained on."""
        return len(self._train) * _in_torch(self._train.dtype).itemsize

    def whole(self) -> tuple[Tensor, Tensor]:
        """The tokens that are trained on, and the places of a window."""
        tokens = self._train.astype(_in_torch(self._train.dtype))
        return torch.from_numpy(tokens), torch.from_numpy(self._window)

    def drawn(self, seed: int, step: int, batch_size: int) -> Tensor:
        """Starts of the batch's windows, [B]."""
        return keyed_draws(seed, step, batch_size, len(self._train) - len(self._window) + 1)

    def gathered(self, whole: tuple[Tensor, ...], drawn: Tensor) -> Batch:
        """Windows, and the tokens that follow each."""
        text, places = whole
        return windows(text, places, drawn)

    def validation(self) -> Iterator[Batch]:
        """Evenly spaced windows of what is held out, about a thousand tokens a batch."""
        count = math.ceil(_VALIDATION_BATCH_TOKENS / (len(self._window) - 1))
        for place in range(0, len(self._starts), count):
            yield self._windows(self._held_out, self._starts[place : place + count])

    def _windows(self, tokens: Tokens, starts: npt.NDArray[np.int64]) -> Batch:
        gathered = tokens[starts[:, None] + self._window].astype(np.int64)
        windows = torch.from_numpy(gathered)
        return Batch(windows[:, :-1], windows[:, 1:])


def _in_torch(dtype: "np.dtype[Any]") -> "np.dtype[Any]":
    """The smallest type that holds the tokens and that torch's kernels take."""
    if dtype.itemsize == 1 and dtype.kind == "u":
        return np.dtype(np.uint8)
    return np.dtype(np.int32 if dtype.itemsize < 4 or dtype.kind == "i" else np.int64)


def load_text(dataset: TextFile, family: ModelFamily) -> Watched:
    """The file in windows as long as the family's sequences."""
    return _watched(dataset, family, _text_part)


def load_tokens(dataset: TokenFile, family: ModelFamily) -> Watched:
    """The file in windows as long as the family's sequences."""
    return _watched(dataset, family, _token_part)


def load_megatron(dataset: MegatronTokens, family: ModelFamily) -> Watched:
    """The file in windows as long as the family's sequences."""
    return _watched(dataset, family, _megatron_part)


_AnyTokens = TextFile | TokenFile | MegatronTokens
_Reading = Callable[[Any, Access, str, str], Part]
"""(Dataset, access, field, path) -> the file's tokens."""


def _watched(dataset: _AnyTokens, family: ModelFamily, read: _Reading) -> Watched:
    context = family.tokens_per_example
    return watched(dataset, family, partial(_read, dataset, context, read), context)


def _read(dataset: _AnyTokens, context: int, read: _Reading) -> TokenData:
    access = allowed()
    parts = [read(dataset, access, field, given) for field, given, _ in parts_of(dataset)]
    return TokenData(tuple(parts), context)


def _text_part(dataset: TextFile, access: Access, field: str, given: str) -> Part:
    file = open_text(access.places, given, field)
    found = scan(file, "utf-8", access.memory, field=field)
    return _part(file.bytes_of(), file, found.sha256, dataset.validation_share)


def _token_part(dataset: TokenFile, access: Access, field: str, given: str) -> Part:
    file = open_tokens(access.places, dataset, given, field)
    skip = dataset.skip_bytes
    found = scan(file, dataset.dtype, access.memory, skip_bytes=skip, field=field)
    require_vocabulary(file, found.largest, dataset.vocabulary)
    tokens = file.bytes_of()[skip:].view(np.dtype(dataset.dtype).newbyteorder("<"))
    return _part(tokens, file, found.sha256, dataset.validation_share)


def _megatron_part(dataset: MegatronTokens, access: Access, field: str, given: str) -> Part:
    pair: Pair = open_pair(access.places, given, field)
    found = scan(pair.tokens, pair.type, access.memory, field=field)
    require_vocabulary(pair.tokens, found.largest, dataset.vocabulary, found.smallest)
    index = scan(pair.index, "bytes", access.memory, field=field)
    return Part(
        tokens=pair.tokens.bytes_of().view(np.dtype(pair.type).newbyteorder("<")),
        files=(pair.tokens, pair.index),
        sha256=hashlib.sha256(f"{found.sha256} {index.sha256}".encode()).hexdigest(),
        cut=pair.cut(dataset.validation_share),
    )


def _part(tokens: Tokens, file: Opened, sha256: str, share: float) -> Part:
    return Part(tokens, (file,), sha256, cut=len(tokens) - int(share * len(tokens)))
