"""Megatron's indexed files: the header of an `.idx`, and where its documents end.

Little-endian: 9 bytes that tell it from other files, version (uint64, 1), code of the tokens' type
(uint8), numbers of sequences and of document boundaries (uint64 each); then the sequences' lengths
(int32) and places in the `.bin` (int64), and the boundaries (int64), the first of which is 0.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tuner.data_files.opened import Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.data_files.scans import Content
from tuner.data_files.token_files import parts_of, require_room
from tuner.spec.datasets.megatron_tokens import MegatronTokens
from tuner.spec.families.model_family import ModelFamily

_SIGNATURE: Final = b"MMIDIDX\x00\x00"
_HEADER: Final = struct.Struct("<9sQBQQ")
_TYPES: Final[Mapping[int, Content]] = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 8: "uint16",
}  # fmt: skip
"""By code; 6 and 7 are floating, which no token is."""


@dataclass(frozen=True)
class Pair:
    """Tokens, and where their documents end."""

    tokens: Opened
    index: Opened
    type: Content
    ends: npt.NDArray[np.int64]
    """Of each document: tokens up to it."""

    @property
    def count(self) -> int:
        """Tokens in all."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def cut(self, share: float) -> int:
        """Tokens of all documents but the last, which have about this share; 0 < cut < count."""
        wanted = self.count * (1 - share)
        inner = self.ends[:-1]
        if not len(inner):
            return int(wanted)
        return int(inner[np.abs(inner - wanted).argmin()])


def look(dataset: MegatronTokens, places: Places, family: ModelFamily) -> Mapping[str, Any]:
    """Nothing: the index tells no vocabulary.

    Raises:
        DataRefused: if a pair cannot be trained on.

    """
    for field, given, share in parts_of(dataset):
        pair = open_pair(places, given, field)
        validated = pair.count - pair.cut(share) if share < 1 else pair.count
        actual = validated / pair.count if pair.count else 0.0
        require_room(
            pair.tokens, pair.count, actual or 1.0, family.tokens_per_example, "tokens", field
        )
    return {}


def open_pair(places: Places, given: str, field: str) -> Pair:
    """The pair that a path names: without an ending, or with either.

    Raises:
        DataRefused: if there is none, or its index disagrees with its tokens.

    """
    stem = places.path_of(given, field).removesuffix(".bin").removesuffix(".idx")
    tokens, index = (places.open(f"{stem}{ending}", field) for ending in (".bin", ".idx"))
    header = index.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_SIGNATURE):
        raise DataRefused(field, f"{index.path} is no index of Megatron's: make it anew")
    _, version, code, sequences, boundaries = _HEADER.unpack(header)
    if version != 1 or code not in _TYPES:
        raise DataRefused(
            field,
            f"{index.path} has version {version} and type {code}: version 1 and types"
            f" {', '.join(map(str, _TYPES))} can be read",
        )
    needed = _HEADER.size + sequences * 12 + boundaries * 8
    if not sequences or boundaries < 2 or index.size < needed:
        raise DataRefused(
            field,
            f"{index.path} has {index.size} bytes for {sequences} sequences and {boundaries}"
            f" boundaries of documents, which need {needed}: make it anew",
        )
    whole = index.bytes_of()
    lengths = whole[_HEADER.size :][: 4 * sequences].view("<i4")
    places_of = whole[_HEADER.size + 4 * sequences :][: 8 * sequences].view("<i8")
    documents = whole[_HEADER.size + 12 * sequences :][: 8 * boundaries].view("<i8")
    ends = np.cumsum(lengths, dtype=np.int64)
    size = np.dtype(_TYPES[code]).itemsize
    orderly = (
        (lengths >= 0).all()
        and (places_of == size * (ends - lengths)).all()
        and documents[0] == 0
        and documents[-1] == sequences
        and (np.diff(documents) >= 0).all()
        and tokens.size == size * int(ends[-1])
    )
    if not orderly:
        raise DataRefused(
            field,
            f"{index.path} does not describe {tokens.path}, of {tokens.size} bytes: make the pair"
            " anew, in one piece",
        )
    numbers = documents[1:]
    return Pair(tokens, index, _TYPES[code], np.unique(ends[numbers[numbers > 0] - 1]))
