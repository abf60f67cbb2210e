"""Open data where the operator allows it, and nowhere else.

Links are followed as long as they lead to another place that is allowed. The path without links
is then opened directory by directory: one that is exchanged for a link meanwhile opens nothing.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from tuner.data_files.opened import Identity, Opened
from tuner.data_files.refused import DataRefused
from tuner.data_files.remote import Stores, is_url

SETTING: Final = "WIDTHWISE_DATASET_DIRS"
OPTION: Final = "--dataset-dir"
MOST_FILES: Final = 1_000_000
"""In one folder of data."""

_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def absolute(allowed: Sequence[Path | str]) -> tuple[str, ...]:
    """The places as absolute paths, for processes that start elsewhere; URLs stay as they are."""
    return tuple(str(one) if is_url(str(one)) else str(Path(one).absolute()) for one in allowed)


class Places:
    """The directories, and the stores by URL, that data may be read from.

    Args:
        allowed: directories, and prefixes such as `s3://bucket/prefix`.
        cache: where copies of what stores have are kept; without, nothing is brought from them.

    """

    def __init__(self, allowed: Sequence[Path | str], cache: Path | None = None) -> None:
        directories = [Path(one) for one in allowed if not is_url(str(one))]
        self._given = tuple(one.absolute() for one in directories)
        self._directories = tuple(Path(os.path.realpath(one)) for one in directories)
        self._stores = Stores([str(one) for one in allowed if is_url(str(one))], cache)

    def are_here(self, given: str) -> bool:
        """True if this process can read the data; otherwise only the workers can."""
        if is_url(given):
            return self._stores.cache is not None
        return any(one.is_dir() for one in self._directories)

    def stands(self, given: str) -> bool:
        """True if a store still has the data copied from this URL; for files, see `Opened`."""
        return not is_url(given) or self._stores.stands(given)

    def path_of(self, given: str, field: str = "path") -> str:
        """The path that is meant, absolute: that of a URL, or below a directory that is allowed.

        What a store has is brought here first; a process that keeps no copies is given the URL.

        Raises:
            DataRefused: if no such path is allowed, by its words alone.

        """
        if is_url(given) and self._stores.names:
            if self._stores.cache is None:
                return self._stores.permitted(given, field).url
            return str(self._stores.bring(given, field))
        if not self._given and not self._stores.names:
            raise DataRefused(
                field,
                f"{given} cannot be read: this service is allowed no data files; its operator names"
                f' the directories or URLs to allow in {SETTING}, as ["/data", "s3://bucket/data"],'
                f" or with widthwise up {OPTION} /data",
            )
        path = _path_in(given, field)
        if ".." in PurePosixPath(path).parts:
            raise DataRefused(field, f"{given} goes up with ..: write the path without")
        if not path.startswith("/"):
            if not self._given:
                raise self._elsewhere(path, field)
            tried = [str(one / path) for one in self._given]
            return next((one for one in tried if os.path.lexists(one)), tried[0])
        return path

    def real(self, given: str, field: str = "path") -> Path:
        """The path without links, if it is allowed.

        Raises:
            DataRefused: if it is not, or if nothing is there.

        """
        path = self.path_of(given, field)
        # By its words first: whoever asks learns nothing of what is elsewhere.
        copies = [] if (cache := self._stores.cache) is None else [Path(os.path.realpath(cache))]
        if not _is_in(Path(os.path.normpath(path)), (*self._given, *self._directories, *copies)):
            raise self._elsewhere(path, field)
        found = _without_links(Path(path), field)
        if not _is_in(found, (*self._directories, *copies)):
            raise self._elsewhere(f"{path} leads to {found}, which", field)
        if not os.path.lexists(found):
            raise DataRefused(field, f"{path} does not exist: correct the path")
        return found

    def _elsewhere(self, what: str, field: str) -> DataRefused:
        allowed = ", ".join([*map(str, self._given), *self._stores.names])
        return DataRefused(
            field,
            f"{what} is in none of the directories that are allowed ({allowed}): move it there, or"
            f" have its directory allowed in {SETTING}",
        )

    def open(self, given: str, field: str = "path") -> Opened:
        """The file at this path.

        Raises:
            DataRefused: if there is none that may be read.

        """
        found = self.real(given, field)
        try:
            if words := _what_else(os.stat(found, follow_symlinks=False)):
                raise DataRefused(field, f"{found} is {words}, not a file: name a file")
            descriptor = _opened(found)
        except OSError as error:
            raise DataRefused(field, _unreadable(found, error)) from error
        opened = Opened.from_descriptor(found, descriptor)
        if not opened.stands():
            raise DataRefused(field, f"{found} was exchanged while it was opened: try again")
        return opened

    def files(self, given: str, field: str = "path") -> Iterator[tuple[str, Identity]]:
        """Every file below this directory, by its path within, in the order of names.

        Hidden ones are left out.

        Raises:
            DataRefused: if it is no directory that may be read, or holds links or too much.

        """
        found = self.real(given, field)
        if not found.is_dir():
            raise DataRefused(field, f"{found} is a file: name the directory that it is in")
        for count, entry in enumerate(_below(found, field)):
            if count == MOST_FILES:
                raise DataRefused(field, f"{found} has more than {MOST_FILES:,} files: use fewer")
            yield os.path.relpath(entry.path, found), Identity.of(entry.stat(follow_symlinks=False))


def _opened(path: Path) -> int:
    """Descriptor of the file at an absolute path, no part of which is a link as it is passed.

    Directory by directory: of a whole path the kernel would follow one that has become a link since
    it was looked at, and may be a directory again when it is looked at once more.

    Raises:
        OSError: if there is no such file, or a part of the path is a link.

    """
    passing = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    directory = os.open(path.anchor, passing)
    try:
        for part in path.parts[1:-1]:
            inner = os.open(part, passing, dir_fd=directory)
            os.close(directory)
            directory = inner
        reading = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        return os.open(path.name, reading, dir_fd=directory)
    finally:
        os.close(directory)


def _is_in(path: Path, directories: Sequence[Path]) -> bool:
    return any(path == one or one in path.parents for one in directories)


def _path_in(given: str, field: str) -> str:
    """The path of a `file:` URL, or the path itself."""
    if not given.lower().startswith("file:"):
        if "://" in given:
            raise DataRefused(
                field,
                f"{given} is a URL of another kind than file, of which this service is allowed"
                " none: copy the data to a directory that is allowed, or have its prefix allowed"
                f" in {SETTING}",
            )
        return given
    url = urlsplit(given)
    if url.netloc not in ("", "localhost") or url.query or url.fragment:
        raise DataRefused(
            field,
            f"{given} is not file:///path: write ? as %3F, # as %23 and % as %25, or give the path"
            " itself",
        )
    path = unquote(url.path, errors="surrogateescape")
    if "\0" in path:
        raise DataRefused(field, f"{given} contains a NUL, which no path can: remove it")
    return path


def _without_links(path: Path, field: str) -> Path:
    try:
        return Path(os.path.realpath(path))
    except OSError as error:  # a link of the path went while it was read
        raise DataRefused(field, _unreadable(path, error)) from error


def _what_else(status: os.stat_result) -> str | None:
    """The kind of file in words; None of a regular one."""
    if stat.S_ISREG(status.st_mode):
        return None
    return next((words for test, words in _KINDS if test(status.st_mode)), "something else")


def _unreadable(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{path} does not exist: correct the path"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path} may not be read: give the service's user the permission to"
    return f"{path} cannot be read: {error.strerror}"


def _below(directory: Path, field: str) -> Iterator["os.DirEntry[str]"]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise DataRefused(field, _unreadable(directory, error)) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            raise DataRefused(
                field, f"{entry.path} is a link: put the file itself into the directory"
            )
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), field)
        elif entry.is_file(follow_symlinks=False):
            yield entry
        else:
            words = _what_else(entry.stat(follow_symlinks=False))
            raise DataRefused(field, f"{entry.path} is {words}, not a file: remove it")
