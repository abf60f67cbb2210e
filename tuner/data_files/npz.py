"""Arrays of an `.npz` file: numbers alone, never pickles, and none larger than it says.

Arrays that are stored as they are, as `numpy.savez` does, are mapped; compressed ones are unpacked
into memory, up to a limit that is looked at before.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tuner.data_files.opened import Opened
from tuner.data_files.refused import DataRefused

MOST_UNPACKED: Final = 2**31
"""Bytes of one compressed array, and of the list of what the archive holds."""
MOST_MEMBERS: Final = 1_000
_KINDS: Final = "biuf"
_LOCAL_HEADER: Final = 30
_HEADERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class StoredArray:
    """An array that has not been read yet."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _fortran: bool
    _file: Opened
    _info: zipfile.ZipInfo
    _header_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of its numbers."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def read(self) -> Array:
        """The array: mapped where it is stored as it is.

        Raises:
            DataRefused: if it is not what its header says.

        """
        if self._info.compress_type == zipfile.ZIP_STORED:
            return self._shaped(self._mapped())
        try:
            with zipfile.ZipFile(self._file.stream()) as archive, archive.open(self._info) as file:
                content = file.read(self._header_bytes + self.size_bytes)
                complete = not file.read(1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise DataRefused("path", f"{self._where} cannot be unpacked: {error}") from error
        numbers = np.frombuffer(content, np.uint8)[self._header_bytes :]
        if not complete or len(numbers) != self.size_bytes:
            raise DataRefused("path", f"{self._where} is not as long as its header says")
        return self._shaped(numbers)

    @property
    def _where(self) -> str:
        return f"{self.name} of {self._file.path}"

    def _mapped(self) -> npt.NDArray[np.uint8]:
        local = self._file.read(_LOCAL_HEADER, self._info.header_offset)
        names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        start = self._info.header_offset + _LOCAL_HEADER + names + self._header_bytes
        numbers = self._file.bytes_of()[start : start + self.size_bytes]
        if local[:4] != b"PK\x03\x04" or len(numbers) != self.size_bytes:
            raise DataRefused("path", f"{self._where} is not where the archive says: save it anew")
        return numbers

    def _shaped(self, numbers: npt.NDArray[np.uint8]) -> Array:
        typed = numbers.view(self.dtype)
        return typed.reshape(self.shape, order="F" if self._fortran else "C")


def stored_arrays(file: Opened, names: tuple[str, ...]) -> Mapping[str, StoredArray]:
    """The arrays of these names.

    Raises:
        DataRefused: if one is missing, or is no array of numbers that can be had.

    """
    try:
        with zipfile.ZipFile(file.stream()) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise DataRefused("path", f"{file.path} has {len(members)} arrays: save two")
            by_name = {one.filename.removesuffix(".npy"): one for one in members}
            found = {}
            for name in names:
                if name not in by_name:
                    here = ", ".join(sorted(by_name)[:10]) or "none"
                    raise DataRefused(
                        "path",
                        f"{file.path} has no array {name} (it has {here}): save it as {name}",
                    )
                found[name] = _stored_array(file, archive, name, by_name[name])
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataRefused("path", f"{file.path} is no .npz file: {error}") from error


def _stored_array(
    file: Opened, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo
) -> StoredArray:
    where = f"{name} of {file.path}"
    if info.flag_bits & 1:
        raise DataRefused("path", f"{where} is encrypted: save it without a password")
    with archive.open(info) as member:
        try:
            read_header = _HEADERS[np.lib.format.read_magic(member)]
            shape, fortran, dtype = read_header(member)
        except (ValueError, KeyError, EOFError) as error:
            raise DataRefused("path", f"{where} is no array of numpy's: {error}") from error
        header_bytes = member.tell()
    if dtype.kind not in _KINDS:
        what = "of Python objects, which are never unpickled" if dtype.hasobject else f"of {dtype}"
        raise DataRefused("path", f"{where} is {what}: save an array of numbers")
    array = StoredArray(name, shape, dtype, fortran, file, info, header_bytes)
    if info.compress_type == zipfile.ZIP_STORED:
        return array
    claimed = max(info.file_size, array.size_bytes)
    if claimed > MOST_UNPACKED:
        raise DataRefused(
            "path",
            f"{where} takes {claimed} bytes unpacked, and {MOST_UNPACKED} is the most: save it with"
            " numpy.savez, which does not compress, and it is mapped",
        )
    return array
