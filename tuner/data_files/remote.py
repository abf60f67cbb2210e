"""Bring data from the stores that the operator allows by URL, as files of this machine.

A copy is kept by the URL and by what the store says of the object (its size, times and tags), so
that everything else works on local files that never change: what is another object in the store is
another copy here, and is hashed and compared as such.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tuner.data_files.refused import DataRefused

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_LOCAL: Final = ("file", "local")
_STEM_ENDINGS: Final = (".bin", ".idx")
"""Of a dataset that is named by what its two files have in common."""
MOST_FILES: Final = 1_000_000


class Location(NamedTuple):
    """A URL in its parts.

    Attributes:
        protocol: in small letters.
        parts: of the path, bucket or host first.

    """

    protocol: str
    parts: tuple[str, ...]

    @property
    def url(self) -> str:
        """The URL in the form that is compared and stored."""
        return f"{self.protocol}://{'/'.join(self.parts)}"

    def is_in(self, other: "Location") -> bool:
        """True if it lies below the other, or is it."""
        count = len(other.parts)
        return self.protocol == other.protocol and self.parts[:count] == other.parts


def is_url(given: str) -> bool:
    """True if it names a store, and no file of this machine."""
    return "://" in given and not given.lower().startswith("file:")


def location(given: str, field: str = "path") -> Location:
    """The parts of a URL that can mean one thing alone.

    Raises:
        DataRefused: if it goes up or nowhere, is encoded, or chains several stores.

    """
    found = _URL.fullmatch(given.rpartition("::")[2])
    if found is None or found[1].lower() in _LOCAL:
        raise DataRefused(
            field, f"{given} is no URL of a store: write protocol://bucket/path, or the path itself"
        )
    parts = tuple(found[2].removesuffix("/").split("/"))
    if "::" in given or re.search(r"[?#\\\x00-\x1f]|%(2e|2f|5c|00)", given, re.IGNORECASE):
        raise DataRefused(
            field,
            f"{given!r} cannot be read: leave out ::, ?, #, \\, control characters and encoded"
            " dots and slashes",
        )
    if any(part in ("", ".", "..") for part in parts):
        raise DataRefused(field, f"{given} has an empty part, . or ..: write the path without")
    return Location(found[1].lower(), parts)


def require_prefix(given: str) -> None:
    """Refuse a prefix that an operator cannot mean, or that nothing installed can read.

    Raises:
        ValueError: with what to correct.

    """
    try:
        _file_system(location(given), "dataset_dirs")
    except DataRefused as error:
        raise ValueError(f"--dataset-dir {error}") from error


class Stores:
    """The stores that data may be read from, and where copies of them are kept."""

    def __init__(self, allowed: Sequence[str], cache: Path | None = None) -> None:
        self._allowed = tuple(location(one, "dataset_dirs") for one in allowed)
        self._cache = cache
        self._brought: dict[Location, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """URLs of the places that are allowed."""
        return tuple(one.url for one in self._allowed)

    @property
    def cache(self) -> Path | None:
        """The folder of copies; None where no data are copied."""
        return self._cache

    def permitted(self, given: str, field: str) -> Location:
        """The place that is meant, if it is allowed.

        Raises:
            DataRefused: if it is not.

        """
        wanted = location(given, field)
        if not any(wanted.is_in(one) for one in self._allowed):
            listed = ", ".join(self.names) or "none"
            raise DataRefused(
                field,
                f"{given} is in none of the places that are allowed (of URLs: {listed}): have its"
                " prefix allowed in WIDTHWISE_DATASET_DIRS, or copy the data to a directory that"
                " is",
            )
        return wanted

    def bring(self, given: str, field: str) -> Path:
        """Path of the copy of a file, a folder or two files of one stem.

        Raises:
            DataRefused: if it is not allowed, not there, or cannot be read.

        """
        wanted = self.permitted(given, field)
        assert self._cache is not None, "who brings data keeps them"
        with _told(given, field):
            system = _file_system(wanted, field)
            found = _objects(system, wanted)
            if not found:
                raise DataRefused(field, f"{given} does not exist: correct the path")
            state = _state(found)
            home = self._cache / hashlib.sha256(wanted.url.encode()).hexdigest()[:32]
            copy = home / state[:32]
            if not copy.is_dir():
                _copied(system, found, wanted, copy, field)
        self._brought[wanted] = state
        for older in home.iterdir():
            if older != copy and not older.name.startswith("."):
                shutil.rmtree(older, ignore_errors=True)
        return copy / wanted.parts[-1]

    def stands(self, given: str) -> bool:
        """True if the store still has the data that were copied from there."""
        wanted = location(given)
        with _told(given, "path"):
            return _state(_objects(_file_system(wanted, "path"), wanted)) == self._brought.get(
                wanted
            )


class _told:  # noqa: N801  # reads as a statement
    """Says of any error of a store what could not be read."""

    def __init__(self, given: str, field: str) -> None:
        self._given, self._field = given, field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, DataRefused) or not isinstance(error, Exception):
            return
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DataRefused(
            self._field, f"{self._given} cannot be read ({words:.300}): see to it, and submit again"
        ) from error


def _file_system(wanted: Location, field: str) -> Any:  # noqa: ANN401  fsspec has no types
    try:
        import fsspec  # here: only who reads from stores needs it
    except ImportError as error:
        raise DataRefused(
            field, f"{wanted.url} needs the Python package fsspec: pip install fsspec"
        ) from error
    try:
        system = fsspec.filesystem(wanted.protocol)
    except (ImportError, ValueError) as error:
        raise DataRefused(field, f"{wanted.url} cannot be read: {error}") from error
    system.invalidate_cache()
    return system


def _objects(system: Any, wanted: Location) -> Mapping[str, Mapping[str, Any]]:  # noqa: ANN401
    """The store's facts on every object, by its path below the URL ('' is the object itself)."""
    root = str(system._strip_protocol(wanted.url))
    if system.isfile(root):
        return {"": system.info(root)}
    if system.isdir(root):
        within = system.find(root, detail=True)
        return {name[len(root) :].strip("/"): info for name, info in sorted(within.items())}
    ends = [ending for ending in _STEM_ENDINGS if system.isfile(root + ending)]
    return {f"*{ending}": system.info(root + ending) for ending in ends}


def _state(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A hash of the names, sizes, times and tags that the store lists."""
    digest = hashlib.sha256()
    for name, info in found.items():
        digest.update(f"{name}\0{sorted((k, str(v)) for k, v in info.items())}\n".encode())
    return digest.hexdigest()


def _copied(
    system: Any,  # noqa: ANN401
    found: Mapping[str, Mapping[str, Any]],
    wanted: Location,
    copy: Path,
    field: str,
) -> None:
    """All objects beneath `copy`, which is there whole or not at all."""
    if len(found) > MOST_FILES:
        raise DataRefused(field, f"{wanted.url} has more than {MOST_FILES:,} files: use fewer")
    copy.parent.mkdir(parents=True, exist_ok=True)
    root = str(system._strip_protocol(wanted.url))
    with tempfile.TemporaryDirectory(prefix=".", dir=copy.parent) as making:
        whole = Path(making) / "whole"
        for name in found:
            target = whole / wanted.parts[-1]
            if name.startswith("*"):
                source, target = root + name[1:], whole / (wanted.parts[-1] + name[1:])
            elif name:
                source, target = f"{root}/{name}", target.joinpath(*_safe(name, wanted, field))
            else:
                source = root
            target.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(source, str(target))
        if _state(_objects(system, wanted)) != _state(found):
            raise DataRefused(
                field, f"{wanted.url} was changed while it was read: wait until nobody writes it"
            )
        try:
            os.rename(whole, copy)
        except OSError:
            if not copy.is_dir():  # another process was first
                raise


def _safe(name: str, wanted: Location, field: str) -> Iterable[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        raise DataRefused(
            field, f"{wanted.url} holds {name!r:.200}, which is no name of a file: rename it"
        )
    return parts
