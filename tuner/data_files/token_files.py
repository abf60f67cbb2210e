"""Texts and files of tokens: what can be known of them without reading all."""

import codecs
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tuner.data_files.opened import Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.huggingface import HuggingFaceText, HuggingFaceTokens
from tuner.spec.datasets.megatron_tokens import MegatronTokens
from tuner.spec.datasets.text_file import TextFile
from tuner.spec.datasets.token_file import TokenFile
from tuner.spec.families.model_family import ModelFamily

SequenceFiles = TextFile | TokenFile | MegatronTokens | HuggingFaceText | HuggingFaceTokens
"""Datasets that may name another path to validate on."""
_LOOKED_AT: Final = 2**16
_LLM_C: Final = (20240520, 20240801)
"""First number of llm.c's files of GPT-2's and of Llama 3's tokens."""
_SIGNATURES: Final = {
    b"\x93NUMPY": "an .npy file: store the array alone, with its method tofile",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"\x1f\x8b": "compressed with gzip: unpack it",
    b"(\xb5/\xfd": "compressed with zstd: unpack it",
    b"MMIDIDX": "an index of Megatron's: name the dataset megatron-tokens and the .bin beside it",
}


def look_at_text(dataset: TextFile, places: Places, family: ModelFamily) -> Mapping[str, Any]:
    """Nothing: the vocabulary of bytes is known.

    Raises:
        DataRefused: if a text cannot be trained on.

    """
    for field, given, share in parts_of(dataset):
        file = open_text(places, given, field)
        require_room(file, file.size, share, family.tokens_per_example, "bytes", field)
    return {}


def look_at_tokens(dataset: TokenFile, places: Places, family: ModelFamily) -> Mapping[str, Any]:
    """Nothing: what a file does not tell is given.

    Raises:
        DataRefused: if a file cannot be trained on.

    """
    for field, given, share in parts_of(dataset):
        file = open_tokens(places, dataset, given, field)
        count = (file.size - dataset.skip_bytes) // np.dtype(dataset.dtype).itemsize
        require_room(file, count, share, family.tokens_per_example, "tokens", field)
    return {}


def parts_of(dataset: SequenceFiles) -> tuple[tuple[str, str, float], ...]:
    """Field, path and share that is trained on, or validated on, of each file."""
    if dataset.validation_path is None:
        return (("path", dataset.path, dataset.validation_share),)
    return (("path", dataset.path, 1.0), ("validation_path", dataset.validation_path, 1.0))


def require_room(
    file: Opened, count: int, share: float, context: int, what: str, field: str
) -> None:
    """Refuse a file whose smaller part has no room for a sequence and the token after it."""
    smaller = int(min(share, 1 - share or 1.0) * count)
    if smaller <= context:
        least = int(np.ceil((context + 1) / min(share, 1 - share or 1.0)))
        whole = "" if share == 1.0 else f", of which {smaller} are to validate on"
        raise DataRefused(
            field,
            f"{file.path} has {count} {what}{whole}: sequences of {context} need {least} {what} in"
            " all; give more, or lower the family's context",
        )


def open_text(places: Places, given: str, field: str) -> Opened:
    """A text whose beginning is one.

    Raises:
        DataRefused: if it is none.

    """
    file = places.open(given, field)
    beginning = file.read(_LOOKED_AT)
    _refuse_signatures(file, beginning, field)
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataRefused(field, f"{file.path} is UTF-16 text: convert it to UTF-8")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError as error:
        raise DataRefused(
            field, f"{file.path} is no UTF-8 text: byte {error.start} does not belong: convert it"
        ) from None
    return file


def open_tokens(places: Places, dataset: TokenFile, given: str, field: str) -> Opened:
    """A file whose beginning is tokens of the vocabulary.

    Raises:
        DataRefused: if it is none.

    """
    file = places.open(given, field)
    dtype = np.dtype(dataset.dtype).newbyteorder("<")
    beginning = file.read(_LOOKED_AT)
    _refuse_signatures(file, beginning, field)
    if not dataset.skip_bytes and int.from_bytes(beginning[:4], "little") in _LLM_C:
        raise DataRefused(field, f"{file.path} begins as files of llm.c: give skip_bytes 1024")
    if (file.size - dataset.skip_bytes) % dtype.itemsize:
        raise DataRefused(
            field,
            f"{file.path} has {file.size} bytes, no whole number of {dataset.dtype} tokens after"
            f" {dataset.skip_bytes}: correct dtype or skip_bytes",
        )
    whole = len(beginning) // 4 * 4
    shorts = np.frombuffer(beginning[:whole], np.dtype("<u2"))
    if dataset.dtype == "uint16" and len(shorts) > 64 and shorts.any() and not shorts[1::2].any():
        raise DataRefused(
            "dtype", f"every second uint16 of {file.path} is 0, as in uint32 tokens: give uint32"
        )
    first = beginning[dataset.skip_bytes :]
    tokens = np.frombuffer(first, dtype, len(first) // dtype.itemsize)
    require_vocabulary(file, int(tokens.max(initial=0)), dataset.vocabulary)
    return file


def require_vocabulary(file: Opened, largest: int, vocabulary: int, smallest: int = 0) -> None:
    """Refuse tokens that the model would have no row for."""
    if smallest < 0:
        raise DataRefused("path", f"{file.path} has the token {smallest}: tokens are from 0 up")
    if largest >= vocabulary:
        raise DataRefused(
            "vocabulary",
            f"{file.path} has the token {largest}, and vocabulary is {vocabulary}: give the"
            f" tokenizer's size, {largest + 1} or more",
        )


def _refuse_signatures(file: Opened, beginning: bytes, field: str) -> None:
    for signature, words in _SIGNATURES.items():
        if beginning.startswith(signature):
            raise DataRefused(field, f"{file.path} is {words}")
