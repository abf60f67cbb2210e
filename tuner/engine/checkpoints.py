"""Keep checkpoints under URIs: written whole or not at all, read, deleted.

Workers write and read them, the coordinator deletes those that nobody goes on from; so this imports
neither torch nor the database.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pydantic import field_validator

from parametrization.recommendation.record import Record


class Checkpoint(Record):
    """The place of a trial's state after `step` steps."""

    step: int
    uri: str
    """`file:///...` for one in a folder. Trials of older releases have an absolute path."""

    @field_validator("uri")
    @classmethod
    def _read_path_as_uri(cls, stored: str) -> str:
        return checkpoint_uri(stored)


def checkpoint_uri(stored: str) -> str:
    """URI of a stored checkpoint, which older releases stored as an absolute path.

    >>> checkpoint_uri("/data/checkpoints/std_1/000007/50-1.pt")
    'file:///data/checkpoints/std_1/000007/50-1.pt'

    """
    return PurePosixPath(stored).as_uri() if stored.startswith("/") else stored


class CheckpointStore(Protocol):
    """The storage of checkpoints. A name is `{study id}/...`; only stored names have a URI."""

    def write(self, name: str, fill: Callable[[Path], None]) -> str:
        """Store the file that `fill` writes; durable, and complete, when this returns its URI.

        Raises:
            OSError: if it cannot be stored; then nothing is.

        """

    def read(self, uri: str) -> AbstractContextManager[Path]:
        """Give a stored file for reading.

        Raises:
            OSError: if there is none, or it cannot be read.

        """

    def delete(self, uri: str) -> None:
        """Delete a stored file; one that is not there is none."""

    def studies(self) -> frozenset[str]:
        """Ids of the studies that have something stored."""

    def delete_study(self, study_id: str) -> None:
        """Delete all that is stored of a study."""


class FileCheckpoints:
    """Checkpoints in a folder of this machine, or one that all machines mount."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def write(self, name: str, fill: Callable[[Path], None]) -> str:
        """Store the file that `fill` writes, beside no other unfinished one."""
        path = self._folder / name
        unfinished = path.with_suffix(".tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        # A trial is written by one slot at a time: what is unfinished here was left by a dead one.
        for leftover in path.parent.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
        fill(unfinished)
        _sync(unfinished)
        unfinished.replace(path)
        _sync(path.parent)
        return path.as_uri()

    @contextmanager
    def read(self, uri: str) -> Iterator[Path]:
        """Give the file itself."""
        yield _path_of(uri)

    def delete(self, uri: str) -> None:
        """Delete the file."""
        _path_of(uri).unlink(missing_ok=True)

    def studies(self) -> frozenset[str]:
        """Ids of the studies that have a folder."""
        return frozenset(path.name for path in self._folder.glob("std_*") if path.is_dir())

    def delete_study(self, study_id: str) -> None:
        """Delete the study's folder."""
        shutil.rmtree(self._folder / study_id, ignore_errors=True)


def _path_of(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise OSError(f"{uri} is not a file:// URI, and no other is kept in this folder")
    return Path(unquote(parts.path, errors="surrogateescape"))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
