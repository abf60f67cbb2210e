"""Worker processes of this process's engines, as the kernel lists them."""

import json
import os
import select
from collections.abc import Iterable
from pathlib import Path

from tests.patience import PATIENCE_SECONDS
from tests.service.processes import children_of


def worker_pids(checkpoint_dir: Path) -> dict[str, int]:
    """Process id of each slot's worker, by the slot's name; a dead worker has none.

    Args:
        checkpoint_dir: of the engine, which tells its workers from another's.

    """
    return _by_slot(children_of(os.getpid()), checkpoint_dir)


def pids_by_slot(checkpoint_dir: Path) -> dict[str, int]:
    """The same of any engine on this machine, whoever started its workers."""
    everybody = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return _by_slot(everybody, checkpoint_dir)


def _by_slot(pids: Iterable[int], checkpoint_dir: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for pid in pids:
        command = _arguments(pid)
        if "workers.slot.worker" in command:
            settings = json.loads(command[-1])
            if settings["checkpoint_dir"] == str(checkpoint_dir.absolute()):
                found[settings["slot"]] = pid
    return found


def wait_for_death(pid: int) -> None:
    """Return when the process, whoever's child it is, has ended; fail if it does not end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([descriptor], [], [], PATIENCE_SECONDS)
    os.close(descriptor)
    assert ended, f"process {pid} is still there"


def _arguments(pid: int) -> list[str]:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return line.decode().rstrip("\0").split("\0")
