"""A child process of the service: lives as long as its supervisor and stops when told to."""

import ctypes
import os
import signal
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends.

    The check of the parent's id closes the gap between the fork and the request.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("the supervisor is gone")


class StopRequest:
    """True once SIGTERM (or, for a process in the foreground, SIGINT) has arrived."""

    def __init__(self, *signals: signal.Signals) -> None:
        self._requested = False
        for number in signals:
            signal.signal(number, self._note)

    def __call__(self) -> bool:
        return self._requested

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
