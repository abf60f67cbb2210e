"""Columns of saved datasets, joined in memory: windows run over their rows."""

import hashlib
from functools import partial
from typing import Any, Final

import numpy as np

from tuner.data_files.refused import DataRefused
from tuner.data_files.saved_columns import AnyColumns, SavedColumn, open_column
from tuner.data_files.scans import scan
from tuner.data_files.token_files import parts_of, require_vocabulary
from tuner.spec.datasets.huggingface import HuggingFaceText, HuggingFaceTokens
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.access import allowed
from workers.datasets.token_files import Part, TokenData, Tokens
from workers.datasets.watched import Watched, watched

MOST_BYTES: Final = 2**31
"""Of a joined column, which every worker holds in memory."""


def load_text(dataset: HuggingFaceText, family: ModelFamily) -> Watched:
    """The column in windows as long as the family's sequences."""
    return _watched(dataset, family)


def load_tokens(dataset: HuggingFaceTokens, family: ModelFamily) -> Watched:
    """The column in windows as long as the family's sequences."""
    return _watched(dataset, family)


def _watched(dataset: AnyColumns, family: ModelFamily) -> Watched:
    context = family.tokens_per_example
    return watched(dataset, family, partial(_read, dataset, context), context)


def _read(dataset: AnyColumns, context: int) -> TokenData:
    parts = [_part(dataset, field, given) for field, given, _ in parts_of(dataset)]
    return TokenData(tuple(parts), context)


def _part(dataset: AnyColumns, field: str, given: str) -> Part:
    access = allowed()
    saved = open_column(dataset, access.places, given, field)
    is_text = isinstance(dataset, HuggingFaceText)
    size = saved.length * (1 if is_text else 4)
    if size > MOST_BYTES:
        raise DataRefused(
            field,
            f"the column {dataset.column} of {dataset.path} takes {size} bytes joined, and"
            f" {MOST_BYTES} is the most: write it to a text-file or a token-file, which are mapped",
        )
    tokens = _text(saved.column) if is_text else _tokens(saved, dataset)
    hashes = " ".join(scan(one, "bytes", access.memory, field=field).sha256 for one in saved.files)
    return Part(
        tokens=tokens,
        files=saved.files,
        sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        cut=len(tokens) - int(dataset.validation_share * len(tokens)),
    )


def _text(column: Any) -> Tokens:  # noqa: ANN401  pyarrow has no types
    joined = b"".join(
        b"%s\n" % text.encode() for chunk in column.chunks for text in chunk.to_pylist()
    )
    return np.frombuffer(joined, dtype=np.uint8)


def _tokens(saved: SavedColumn, dataset: AnyColumns) -> Tokens:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in saved.column.chunks]
    if any(part.dtype.kind not in "iu" for part in parts):  # nulls make them floating
        raise DataRefused("column", f"tokens of {dataset.path} are null: filter them out")
    filled = [part for part in parts if part.size]
    smallest = min((int(part.min()) for part in filled), default=0)
    largest = max((int(part.max()) for part in filled), default=0)
    require_vocabulary(saved.files[0], largest, dataset.vocabulary, smallest)
    return np.concatenate([part.astype(np.uint32) for part in parts])
