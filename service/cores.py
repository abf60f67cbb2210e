"""The CPU cores that a process may use: those it is bound to, within its control groups' quota."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def available_cores(root: Path = _ROOT, own: Path = _OWN) -> int:
    """Cores to plan with, at least one; part of a core counts as a whole one.

    Args:
        root: where control groups are mounted.
        own: which the process is in, as the kernel writes it.

    """
    bound = len(os.sched_getaffinity(0))
    quotas = [math.ceil(quota) for quota in _quotas(root, own)]
    return max(1, min([bound, *quotas]))


def _quotas(root: Path, own: Path) -> Iterator[float]:
    """Cores that each group from the process's own up to the root allows, where it says so."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            yield from _each(root, path, _version_2)
        elif "cpu" in controllers.split(","):
            yield from _each(root / controllers, path, _version_1)
            yield from _each(root / "cpu", path, _version_1)


def _each(mount: Path, path: str, read: Callable[[Path], float | None]) -> Iterator[float]:
    """In a container the path may be the host's, of which only the root is to be seen."""
    for group in (PurePosixPath(path), *PurePosixPath(path).parents):
        quota = read(mount / str(group).lstrip("/"))
        if quota is not None:
            yield quota


def _version_2(group: Path) -> float | None:
    words = _words(group / "cpu.max")
    return None if len(words) != 2 or words[0] == "max" else int(words[0]) / int(words[1])


def _version_1(group: Path) -> float | None:
    quota, period = (_words(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return None if not quota or not period or int(quota[0]) <= 0 else int(quota[0]) / int(period[0])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
