"""Keep account of whether a slot's worker can be started, and of how long it has stood still."""

import time
from collections.abc import Callable
from typing import Final

LEAST_STOP_SECONDS: Final = 5.0
LONGEST_STOP_SECONDS: Final = 60.0
STEPS_STOPPED: Final = 10
"""A stopped worker is ended after this many times the duration of its slowest step."""
FAILURES_ALLOWED: Final = 2
"""Failures in a row from which the slot is held at fault: one worker may just have been killed."""
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0


def stop_limit_seconds(slowest_step_seconds: float) -> float:
    """Longest time that a worker may stand still, by its own pace; 5 to 60 s.

    >>> stop_limit_seconds(0.01), stop_limit_seconds(2.0), stop_limit_seconds(600.0)
    (5.0, 20.0, 60.0)

    """
    allowed = STEPS_STOPPED * slowest_step_seconds
    return min(max(allowed, LEAST_STOP_SECONDS), LONGEST_STOP_SECONDS)


class SlotHealth:
    """Failures of a slot's worker that no order explains, and the pause before the next start.

    A worker that ends before it is up has failed for a reason of the slot's own: no such device, no
    memory, a broken installation. One that ends in mid-order may have been killed, or ended by that
    order; where the next one ends so too, before anything was reported, the slot is set aside all
    the same: the orders go on elsewhere, and a slot that ends every order does not end them all.
    Starting a worker is tried again after a pause that doubles.

    Args:
        clock: monotonic time in seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._problem = ""
        self._due = 0.0
        self._is_up = False
        self._stopped_at: float | None = None

    @property
    def problem(self) -> str | None:
        """Reason, in words, that the slot takes no order now; None if it takes one."""
        if self._stopped_at is not None:
            return f"its worker has stood still for {self._clock() - self._stopped_at:.0f} s"
        return None if self._failures < FAILURES_ALLOWED or self._is_up else self._problem

    @property
    def may_start(self) -> bool:
        """True if the pause after the last failure is over, so that a worker may be started."""
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
        """Note that the worker has ended; return True if it had never been up.

        Args:
            words: verb phrase on how it ended.

        """
        was_up = self._is_up
        when = "in as many orders" if was_up else "before it could work"
        self._failed(
            self._failures + 1,
            f"its worker {words} {when}, {self._failures + 1} times by now: the coordinator's log"
            " has its last words; it is tried again",
        )
        return not was_up

    def set_aside(self, problem: str) -> None:
        """Note that the worker has ended for a reason that is the slot's own."""
        failures = max(self._failures + 1, FAILURES_ALLOWED)
        self._failed(failures, f"{problem}; it is tried again")

    def _failed(self, failures: int, problem: str) -> None:
        self._failures, self._problem = failures, problem
        self._is_up, self._stopped_at = False, None
        pause = FIRST_PAUSE_SECONDS * 2 ** min(max(0, failures - FAILURES_ALLOWED), 10)
        self._due = self._clock() + min(pause, LONGEST_PAUSE_SECONDS)

    def stood_seconds(self, is_stopped: bool) -> float:
        """Note if the worker is stopped at this moment; return the seconds that it has been."""
        if not is_stopped:
            self._stopped_at = None
            return 0.0
        if self._stopped_at is None:
            self._stopped_at = self._clock()
        return self._clock() - self._stopped_at
