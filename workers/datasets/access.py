"""Say what this process may read of users' own data; set once, where the process starts."""

from pathlib import Path
from typing import Final, NamedTuple

from tuner.data_files.places import Places


class Access(NamedTuple):
    """Where data may lie, and where to remember what was found in it."""

    places: Places = Places(())
    memory: Path | None = None


_CURRENT: Final[list[Access]] = [Access()]


def allow(access: Access) -> None:
    """Read users' data so from now on, in this process."""
    _CURRENT[0] = access


def allowed() -> Access:
    """What this process may read: nothing, before it is told."""
    return _CURRENT[0]
