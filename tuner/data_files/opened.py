"""A file that is open, and whether its path still leads to the same contents."""

import io
import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tuner.data_files.refused import DataRefused


class Identity(NamedTuple):
    """Identifies a file and its state: another file, or the same one changed, has another."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    """Of the last change of contents or status, which nobody can set."""

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """The identity of a file with this status."""
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return cls(status.st_dev, status.st_ino, status.st_size, *times)


@dataclass(frozen=True)
class Opened:
    """A regular file, open for reading; closed with the last reference to it."""

    path: Path
    """Its real path, without links."""
    identity: Identity
    _descriptor: "_Descriptor" = field(repr=False)

    @classmethod
    def from_descriptor(cls, path: Path, descriptor: int) -> "Opened":
        """The file behind an open descriptor, which it closes."""
        return cls(path, Identity.of(os.fstat(descriptor)), _Descriptor(descriptor))

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    def stands(self) -> bool:
        """True if the path leads to this file, unchanged."""
        try:
            return Identity.of(os.stat(self.path, follow_symlinks=False)) == self.identity
        except OSError:
            return False

    def read(self, count: int, offset: int = 0) -> bytes:
        """`count` bytes from `offset` on; fewer at the end of the file."""
        return os.pread(self._descriptor.number, count, offset)

    def bytes_of(self) -> npt.NDArray[np.uint8]:
        """All of it, mapped: pages are read as they are needed."""
        if not self.size:
            return np.empty(0, dtype=np.uint8)
        try:
            mapped = mmap.mmap(self._descriptor.number, self.size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise DataRefused(
                "path",
                f"{self.path}, of {self.size} bytes, cannot be mapped ({error.strerror}): raise"
                " WIDTHWISE_SLOT_MEMORY_BYTES by as much",
            ) from error
        return np.frombuffer(mapped, dtype=np.uint8)

    def stream(self) -> io.BufferedReader:
        """The file from its beginning, for readers that seek."""
        return io.BufferedReader(_Stream(self))


class _Stream(io.RawIOBase):
    """Reads at a place of its own, whatever else reads the descriptor."""

    def __init__(self, file: Opened) -> None:
        self._file = file
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._file.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  whatever has a buffer
        part = self._file.read(len(buffer), self._place)
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)


class _Descriptor:
    """A descriptor that is closed when nobody refers to it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)
