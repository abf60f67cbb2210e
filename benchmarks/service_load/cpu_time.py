"""CPU time of processes: it survives a machine that is busy with something else."""

import os
from collections import defaultdict
from pathlib import Path


def cpu_seconds(process_id: int) -> float:
    """CPU time that a process has taken so far."""
    return _seconds(_fields(process_id))


def tree_cpu_seconds(process_id: int) -> float:
    """CPU time that a process and those that descend from it have taken so far.

    Without what those took that have ended and were not waited for.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _fields(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
        children[int(fields[1])].append(int(folder.name))
        seconds[int(folder.name)] = _seconds(fields)
    left, total = [process_id], 0.0
    while left:
        one = left.pop()
        total += seconds.get(one, 0.0)
        left += children[one]
    return total


def _fields(process_id: int) -> list[str]:
    """Fields of the process's status, from its state on."""
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()


def _seconds(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
