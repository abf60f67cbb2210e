"""Own tasks that studies can name: registered in the data directory, or of installed packages.

A registration is a JSON file with the facts that a task's description found. Write access to the
data directory can install code; no request over HTTP can. The file is read again when it changes,
so that a running service learns of a task.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from parametrization.recommendation.record import Record
from tuner.spec.target import WIDEST
from widthwise.task_source import version_of


class TaskFacts(Record):
    """Facts of an own task that studies need, beside its name."""

    base_width: int = Field(ge=1, le=WIDEST)
    width_divisor: int = Field(ge=1, le=WIDEST)
    tokens_per_example: int = Field(ge=1, le=WIDEST)
    metric: str
    """Name of the value that `validate` returns."""
    validates: bool
    """True if trials are compared by it."""
    batches: Literal["by_step", "loader"]
    """`by_step` if any step's batch can be asked for, `loader` if only one after another."""
    residual_blocks: bool
    """True if tensors are in residual blocks, of which depth adds more."""
    draws: bool
    """True if its model or loss draws random numbers: such trials train one by one."""


class Registration(Record):
    """A task as it was described."""

    name: str
    words: str
    """Its class's docstring, the first paragraph."""
    source: str
    version: str
    depth: int
    facts: TaskFacts
    files: tuple[Path, ...] = ()
    """Files that the version is the hash of, the class's own first; none of a package's."""
    package: str | None = None
    """Package and version; None of a file."""


class LeftOutTask(NamedTuple):
    """A registration that cannot be used."""

    name: str
    source: str
    reason: str


class RegisteredTasks:
    """The registrations in a folder, looked at anew whenever they are asked for."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._packaged: dict[str, Registration] = {}
        self._read: dict[Path, tuple[_Stamp, Registration | str]] = {}
        self._versions: dict[str, tuple[tuple[_Stamp, ...], str]] = {}

    def read_from(self, folder: Path | None) -> None:
        """Look for registrations there from now on; None for nowhere."""
        self._folder = folder

    def add_packaged(self, found: dict[str, Registration]) -> None:
        """Take over what installed packages declare."""
        self._packaged = found

    def find(self, name: object) -> Registration | None:
        """The task of this name; None if there is none that can be used."""
        if not isinstance(name, str) or not is_task_name(name):
            return None
        if name in self._packaged:
            return self._packaged[name]
        path = self._folder / f"{name}.json" if self._folder else None
        found = self._registration(path) if path else None
        return found if isinstance(found, Registration) else None

    def names(self) -> tuple[str, ...]:
        """Names of all tasks that can be used, in order."""
        return tuple(sorted({*self._packaged, *(one.name for one in self._usable())}))

    @property
    def left_out(self) -> tuple[LeftOutTask, ...]:
        """Registrations that cannot be read, and tasks whose files are missing or have changed."""
        found = []
        for path in self._paths():
            one = self._registration(path)
            if isinstance(one, str):
                found.append(LeftOutTask(path.stem, str(path), one))
            elif isinstance(one, Registration) and (words := self.changed(one)):
                found.append(LeftOutTask(one.name, one.source, words))
        return tuple(found)

    def changed(self, registration: Registration, version: str | None = None) -> str | None:
        """The reason that its files differ from this version (default: its own); None if equal."""
        wanted = version or registration.version
        if not registration.files:
            if wanted == registration.version:
                return None
            return f"{registration.version} is installed: install {wanted}"
        try:
            found = self._version(registration)
        except OSError as error:
            return f"{error.filename} cannot be read ({error.strerror})"
        if found == wanted:
            return None
        return (
            f"{registration.files[0]}, or a file that it imports, has changed"
            f" (version {wanted[:12]} then, {found[:12]} now): put it back as it was, or register"
            " it again and submit a new study"
        )

    def _usable(self) -> Iterator[Registration]:
        for path in self._paths():
            found = self._registration(path)
            if isinstance(found, Registration):
                yield found

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder else []

    def _registration(self, path: Path) -> Registration | str | None:
        """The registration in the file, or the reason that it is unreadable; None if missing."""
        try:
            stamp = _stamp(path)
            if self._read.get(path, (None,))[0] != stamp:
                self._read[path] = (stamp, _parsed(path))
        except OSError:
            return None
        return self._read[path][1]

    def _version(self, registration: Registration) -> str:
        """Version of its files as they are now, hashed again if one of them was written."""
        files = registration.files
        stamps = tuple(_stamp(path) for path in files)
        key = registration.source
        if self._versions.get(key, ((), ""))[0] != stamps:
            self._versions[key] = (stamps, version_of(files[0].parent, files))
        return self._versions[key][1]


class _Stamp(NamedTuple):
    written: int
    size: int
    inode: int


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return _Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def _parsed(path: Path) -> Registration | str:
    try:
        found = Registration.model_validate_json(path.read_bytes(), extra="ignore")
    except ValidationError as error:
        return f"{path} cannot be read: {error.errors()[0]['msg']}; register the task again"
    if found.name != path.stem:
        return f"{path} is the registration of {found.name}: register the task again"
    return found


def is_task_name(name: str) -> bool:
    """Lower-case letters, digits, - and _, beginning with one of the first two.

    >>> is_task_name("own_gpt-2"), is_task_name("../x.py")
    (True, False)

    """
    plain = name.replace("-", "").replace("_", "")
    return (
        name[:1].isalnum()
        and len(name) <= 80
        and plain.isascii()
        and plain.isalnum()
        and plain.lower() == plain
    )


REGISTERED: Final = RegisteredTasks()
"""The tasks of this process, which sets the folder when it starts."""
