"""Say what this process may read of users' own data; set once, where the process starts."""

from pathlib import Path
from typing import Final, NamedTuple

from tuner.data_files.places import Places


class Access(NamedTuple):
    """Directories that data may lie in, and the folder that facts about them are kept in."""

    places: Places = Places(())
    memory: Path | None = None


_CURRENT: Final[list[Access]] = [Access()]


def allow(access: Access) -> None:
    """Read users' data so from now on, in this process."""
    _CURRENT[0] = access


def allowed() -> Access:
    """The data that this process may read: none until `allow` is called."""
    return _CURRENT[0]
