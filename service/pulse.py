"""Tell a child that hangs from one that works: it beats in memory that its supervisor shares."""

import os
import tempfile
import time
from collections.abc import Callable
from typing import Final

from workers.device.heartbeat import Heartbeat
from workers.slot.process import is_stopped

STOPPED_SECONDS: Final = 10.0
"""A child that was stopped (SIGSTOP, a freezer) and has not beaten for so long hangs."""
SILENT_SECONDS: Final = 120.0
"""So does any other: a turn may wait 30 s for the database's other writers."""
LONGEST_PAUSE_SECONDS: Final = 10.0
"""Between two looks; after a longer one the supervisor itself stood still, and its children too."""


class Pulse:
    """The beats of one child, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        Heartbeat.prepare(self._file.fileno())
        self._heartbeat = Heartbeat(self._file.fileno())
        self._heartbeat.beat()  # it may take as long to start as between two beats
        self._looked = time.monotonic()

    @property
    def descriptor(self) -> int:
        """For the child to inherit."""
        return self._file.fileno()

    def hung(self, pid: int) -> str | None:
        """In words, why the child is taken to hang; None if it is not."""
        looked, self._looked = self._looked, time.monotonic()
        if self._looked - looked > LONGEST_PAUSE_SECONDS:
            return None
        silent = self._heartbeat.silent_seconds()
        stopped = is_stopped(pid)
        if silent <= (STOPPED_SECONDS if stopped else SILENT_SECONDS):
            return None
        return f"{'stopped' if stopped else 'not a sign of life'} for {silent:.0f} s"

    def close(self) -> None:
        """Close the file; what the child beats in stays its own."""
        self._file.close()


def beat_of(descriptor: int | None) -> Callable[[], None]:
    """A function that tells the supervisor that this process is alive; no-op without one."""
    if descriptor is None:
        return lambda: None
    heartbeat = Heartbeat(descriptor)
    os.close(descriptor)  # its memory stays
    return heartbeat.beat
