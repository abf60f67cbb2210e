"""Keep account of whether a slot's worker can be started, and of how long it has stood still."""

import time
from collections.abc import Callable
from typing import Final

LEAST_STOP_SECONDS: Final = 5.0
LONGEST_STOP_SECONDS: Final = 60.0
STEPS_STOPPED: Final = 10
"""A stopped worker is given up after as long as so many of its slowest steps took."""
FAILURES_ALLOWED: Final = 2
"""One may have been killed; a second in a row is the slot's doing."""
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0


def stop_limit_seconds(slowest_step_seconds: float) -> float:
    """How long a worker may stand still, from its own pace.

    >>> stop_limit_seconds(0.01), stop_limit_seconds(2.0), stop_limit_seconds(600.0)
    (5.0, 20.0, 60.0)

    """
    allowed = STEPS_STOPPED * slowest_step_seconds
    return min(max(allowed, LEAST_STOP_SECONDS), LONGEST_STOP_SECONDS)


class SlotHealth:
    """What is known of a slot apart from the orders that it runs.

    A worker that ends before it is up has failed for a reason of the slot's own: no such device, no
    memory, a broken installation. The slot takes no order then until a worker of it is up; starting
    one is tried again after a pause that doubles.

    Args:
        clock: seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._last_words = ""
        self._due = 0.0
        self._is_up = False
        self._stopped_at: float | None = None

    @property
    def problem(self) -> str | None:
        """Why the slot takes no order now, in words; None if it does."""
        if self._stopped_at is not None:
            return f"its worker has stood still for {self._clock() - self._stopped_at:.0f} s"
        if self._failures < FAILURES_ALLOWED or self._is_up:
            return None
        return (
            f"its worker {self._last_words} before it could work, {self._failures} times by now:"
            " the coordinator's log has its last words; it is tried again"
        )

    @property
    def may_start(self) -> bool:
        """Whether it is time to start a worker."""
        return self._clock() >= self._due

    def started(self) -> None:
        """Note that a worker has been started."""
        self._is_up, self._stopped_at = False, None

    def is_up(self) -> None:
        """Note that the worker could take orders."""
        self._is_up = True

    def works(self) -> None:
        """Note that the worker has reported."""
        self._failures = 0

    def died(self, words: str) -> bool:
        """Note that the worker has ended, and how; whether it had never been up."""
        self._stopped_at = None
        if self._is_up:
            return False
        self._failures, self._last_words = self._failures + 1, words
        pause = FIRST_PAUSE_SECONDS * 2 ** min(max(0, self._failures - FAILURES_ALLOWED), 10)
        self._due = self._clock() + min(pause, LONGEST_PAUSE_SECONDS)
        return True

    def stood_seconds(self, is_stopped: bool) -> float:
        """Note whether the worker is stopped at this moment; for how long it has been."""
        if not is_stopped:
            self._stopped_at = None
            return 0.0
        if self._stopped_at is None:
            self._stopped_at = self._clock()
        return self._clock() - self._stopped_at
