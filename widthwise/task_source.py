"""A task in a file: its class, the files it is made of, and their common version."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from parametrization.text.visible import is_hidden, visible
from widthwise.task_words import TaskRefused, raised_words

OWN_PACKAGES: Final = frozenset(
    {"app", "parametrization", "service", "tuner", "widthwise", "workers", "migrations"}
)
"""Names that Python imports are Widthwise's own: a file beside the task would be another module."""
_MOST_BYTES: Final = 10_000_000
_NAMELESS: Final = frozenset({"", "__init__", "main", "model", "run", "task", "train"})
"""Names of files that say nothing of a task: the folder's is put before them."""


@dataclass(frozen=True)
class TaskSource:
    """A class in a file.

    Attributes:
        path: absolute, of a file that is no link.
        attribute: the class's name; empty for the only task that the file defines.

    """

    path: Path
    attribute: str = ""

    @classmethod
    def parse(cls, text: str, below: Path | None = None) -> Self:
        """`FILE.py` or `FILE.py:Class`.

        Args:
            below: folder that a relative path starts from; default: the working directory.

        Raises:
            TaskRefused: if there is no such file, or it is no Python source.

        """
        name, colon, attribute = text.partition(":")
        if any(map(is_hidden, text)):
            raise TaskRefused(f"{visible(text)} holds a character that is not shown: remove it")
        if ":" in attribute or (colon and not attribute.isidentifier()):
            raise TaskRefused(f"{text!r} names no class: write FILE.py:Class, with one colon")
        path = Path(name)
        if path.suffix != ".py":
            raise TaskRefused(
                f"{name!r} is no Python source (.py): tasks are read from source, never from"
                " pickles or archives"
            )
        path = (below or Path.cwd()) / path
        if path.is_symlink():
            raise TaskRefused(
                f"{name} is a symbolic link to {path.resolve()}: name that file itself"
            )
        if not path.is_file():
            raise TaskRefused(f"there is no file {name}: check its name (now in {path.parent})")
        return cls(path.resolve(), attribute)

    @property
    def text(self) -> str:
        """The stored form: `/path/train.py:Task`."""
        return f"{self.path}:{self.attribute}" if self.attribute else str(self.path)

    @property
    def folder(self) -> Path:
        """The folder of its own modules and of relative paths."""
        return self.path.parent

    @property
    def usual_name(self) -> str:
        """The task's name in studies where its class declares none."""
        stem = self.path.stem
        parts = [self.folder.name, stem] if stem.lower() in _NAMELESS else [stem]
        if self.attribute.lower() not in ("", "task"):
            parts.append(self.attribute)
        return slug("-".join(parts))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The file and all that it imports from its own folder, directly or not.

        Raises:
            TaskRefused: if one of them cannot be read as Python.

        """
        found: dict[Path, None] = {}
        waiting = [self.path]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = None
                waiting += _imported(path, self.folder)
        return (self.path, *sorted(set(found) - {self.path}))

    def version(self) -> str:
        """Hash of the names and contents of all of its files, hexadecimal.

        Raises:
            TaskRefused: if one of them cannot be read as Python.

        """
        return version_of(self.folder, TaskSource(self.path).files)


def version_of(folder: Path, files: tuple[Path, ...]) -> str:
    """Hash of these files: their names below the folder, and their contents."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def slug(text: str) -> str:
    """Letters, digits, - and _ alone, in lower case: a task's name in specifications and paths.

    >>> slug("Own GPT/é:Task")
    'own-gpt-task'

    """
    kept = "".join(one if one.isascii() and (one.isalnum() or one == "_") else "-" for one in text)
    words = "-".join(filter(None, kept.lower().split("-"))).strip("_")
    return words[:64] or "task"


def _imported(path: Path, folder: Path) -> Iterator[Path]:
    """Files of the folder that this one imports."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TaskRefused(f"{path} is larger than {_MOST_BYTES} bytes: it is no source")
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError, OSError) as error:
        raise TaskRefused(f"cannot read {path}: {raised_words(error, folder)}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield from _files_of(folder, one.name.split("."), path)
        elif isinstance(node, ast.ImportFrom):
            start = path.parents[node.level - 1] if 0 < node.level < len(path.parents) else folder
            parts = node.module.split(".") if node.module else []
            yield from _files_of(start, parts, path)
            for one in node.names:
                yield from _files_of(start, [*parts, one.name], path)


def _origin(package: str) -> Path:
    """The file that Python imports it from; this file where it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin) if spec and spec.origin else Path(__file__)


def _files_of(start: Path, parts: list[str], importer: Path) -> Iterator[Path]:
    """Every file below `start` that importing this module reads; none if it lies elsewhere."""
    place = start
    for depth, part in enumerate(parts):
        place = place / part
        module, package = place.with_suffix(".py"), place / "__init__.py"
        here = [path for path in (package, module) if path.is_file()][:1]
        if depth == 0 and part in OWN_PACKAGES:
            if here and here[0] != importer and not here[0].samefile(_origin(part)):
                raise TaskRefused(
                    f"{importer.name} imports {part}, which is Widthwise's own package and also"
                    f" {here[0].name} beside it: rename that file"
                )
            return
        yield from here
        if not here and not place.is_dir():
            return
