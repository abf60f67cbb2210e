"""Processes as the kernel sees them: who descends from whom, by /proc."""

import os
import signal
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Living child processes, lowest id first."""
    return sorted(child for child, parent in _parents().items() if parent == pid)


def descendants_of(pid: int) -> list[int]:
    """Living children, their children, and so on."""
    found: list[int] = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def command_of(pid: int) -> str:
    """The process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def is_gone(pid: int) -> bool:
    """Whether the process has ended."""
    return not is_running(pid)


def kill(pid: int) -> None:
    """SIGKILL, if it still runs."""
    send(signal.SIGKILL, pid)


def send(number: signal.Signals, pid: int) -> None:
    """Send a signal to a process, if it still runs."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return parents
