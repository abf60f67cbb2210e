"""Let the engine see that a worker goes on: the time of its latest step, in memory that both share.

Shared memory, not messages: whoever hangs sends none, and nobody has to read those that come.
"""

import math
import mmap
import os
import time
from typing import Final

_BYTES: Final = 16
_LAST, _LONGEST = 0, 1


class Heartbeat:
    """Seconds of this machine's monotonic clock, in a file that both processes have open.

    Beside the last beat stands the longest time between two of them: the pace.

    Read and written as aligned numbers: `struct` clears the bytes first and writes them one by
    one, and whoever read meanwhile saw a worker that had been silent since the machine started.
    """

    def __init__(self, descriptor: int) -> None:
        self._seconds = memoryview(mmap.mmap(descriptor, _BYTES)).cast("d")

    @staticmethod
    def prepare(descriptor: int) -> None:
        """Make the file as long as it has to be."""
        os.truncate(descriptor, _BYTES)

    def beat(self) -> None:
        """Say that something was done just now."""
        now, last = time.monotonic(), self._seconds[_LAST]
        if 0.0 < last < math.inf:
            self._seconds[_LONGEST] = max(self._seconds[_LONGEST], now - last)
        self._seconds[_LAST] = now

    @property
    def has_begun(self) -> bool:
        """True if it has beaten since `prepare` or `expect`."""
        return 0.0 < self._seconds[_LAST] < math.inf

    @property
    def longest_seconds(self) -> float:
        """Between two beats, since `expect`."""
        return self._seconds[_LONGEST]

    def expect(self) -> None:
        """Wait for the first beat as long as it takes: the worker may have to start first."""
        self._seconds[_LAST], self._seconds[_LONGEST] = math.inf, 0.0

    def silent_seconds(self) -> float:
        """Since the last beat."""
        return time.monotonic() - self._seconds[_LAST]


class _Own:
    """This process's heartbeat; none where no engine watches."""

    heartbeat: Heartbeat | None = None
    process_id = 0


def beat_with(heartbeat: Heartbeat) -> None:
    """Have `alive` beat with this one from here on."""
    _Own.heartbeat, _Own.process_id = heartbeat, os.getpid()


def watch_for_copies() -> None:
    """Have `end_copies` end what user code forks of this process, which no engine watches."""
    _Own.process_id = os.getpid()


def alive() -> None:
    """Say that training goes on; ends the process if it is a copy that user code has forked."""
    if _Own.heartbeat is None:
        return
    end_copies()
    _Own.heartbeat.beat()


def end_copies() -> None:
    """A copy of the worker that comes back from user code must neither train nor report."""
    if _Own.process_id not in (0, os.getpid()):
        os._exit(0)
