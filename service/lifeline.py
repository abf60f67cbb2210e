"""Stop a process of the service when a signal tells it to, between two turns of its work."""

import signal
from types import FrameType


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
