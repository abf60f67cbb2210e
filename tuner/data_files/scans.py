"""Read whole files once: their hash, and what only all of their contents can tell.

What was found is kept in a folder, by the file's identity, so that ten gigabytes are read once and
not by every worker.
"""

import codecs
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tuner.data_files.opened import Opened
from tuner.data_files.refused import DataRefused

_PART: Final = 2**24
_SETTLED_NS: Final = 2 * 10**9
"""A file that was changed less long ago may change again without its time telling."""
_BUSY: Final = "was changed while it was read: wait until nobody writes it"

Content = Literal["bytes", "utf-8", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64"]
"""The reading to take besides the hash: bytes, text of UTF-8, or tokens of this type."""


class Scan(NamedTuple):
    """Facts from all of a file's contents."""

    sha256: str
    smallest: int = 0
    largest: int = 0
    """Of its tokens."""


def scan(
    file: Opened, content: Content, folder: Path | None, *, skip_bytes: int = 0, field: str = "path"
) -> Scan:
    """The file's hash and tokens; remembered in the folder, if there is one.

    Args:
        skip_bytes: before its first token.
        field: what to blame.

    Raises:
        DataRefused: if it is no text, or changes meanwhile.

    """
    remembered = None if folder is None else folder / f"{_key(file, content, skip_bytes)}.json"
    if remembered is not None and (known := _read(remembered)) is not None:
        return known
    begun_ns = time.time_ns()
    found = _scanned(file, content, skip_bytes, field)
    if not file.stands():
        raise DataRefused(field, f"{file.path} {_BUSY}")
    if remembered is not None and begun_ns - file.identity.changed_ns > _SETTLED_NS:
        _write(remembered, found)
    return found


def _scanned(file: Opened, content: Content, skip_bytes: int, field: str) -> Scan:
    digest = hashlib.sha256()
    smallest, largest = 0, 0
    text = codecs.getincrementaldecoder("utf-8")() if content == "utf-8" else None
    dtype = None if content in ("bytes", "utf-8") else np.dtype(content).newbyteorder("<")
    for start, part in _parts(file, skip_bytes):
        digest.update(part)
        if text is not None:
            _decode(text, part, start, file, field)
        elif dtype is not None and start >= skip_bytes:
            tokens: npt.NDArray[Any] = np.frombuffer(part, dtype, len(part) // dtype.itemsize)
            if tokens.size:
                smallest = min(smallest, int(tokens.min()))
                largest = max(largest, int(tokens.max()))
    if text is not None:
        _decode(text, b"", file.size, file, field, final=True)
    return Scan(digest.hexdigest(), smallest, largest)


def _parts(file: Opened, skip_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The file's parts with their places; what is skipped is a part of its own."""
    if skip_bytes:
        yield 0, file.read(skip_bytes)
    place = skip_bytes
    while part := file.read(_PART, place):
        yield place, part
        place += len(part)


def _decode(
    text: codecs.IncrementalDecoder,
    part: bytes,
    start: int,
    file: Opened,
    field: str,
    *,
    final: bool = False,
) -> None:
    kept = len(text.getstate()[0])
    try:
        text.decode(part, final)
    except UnicodeDecodeError as error:
        place = start - kept + error.start
        raise DataRefused(
            field, f"{file.path} is no UTF-8 text: byte {place} does not belong: convert it"
        ) from None


def _key(file: Opened, content: Content, skip_bytes: int) -> str:
    made_of = json.dumps([1, os.fspath(file.path), *file.identity, content, skip_bytes])
    return hashlib.sha256(made_of.encode(errors="surrogateescape")).hexdigest()


def _read(path: Path) -> Scan | None:
    try:
        return Scan(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, found: Scan) -> None:
    """Remember it; without room to, it is found again next time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            json.dump(found._asdict(), file)
        os.replace(name, path)
