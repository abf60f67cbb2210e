"""Stop a process of the service after a signal, between two turns of its work."""

import signal
from collections.abc import Callable
from types import FrameType


class StopRequest:
    """True once SIGTERM (or, for a process in the foreground, SIGINT) has arrived.

    Args:
        beat: called whenever it is asked: the process goes on.

    """

    def __init__(self, *signals: signal.Signals, beat: Callable[[], None]) -> None:
        self._requested = False
        self._beat = beat
        for number in signals:
            signal.signal(number, self._note)

    def __call__(self) -> bool:
        self._beat()
        return self._requested

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
