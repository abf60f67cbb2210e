"""Say how long something takes, as people say it."""

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def duration(seconds: float) -> str:
    """The duration in the two units that matter.

    >>> [duration(seconds) for seconds in (4.2, 75, 3700, 180_000)]
    ['4 s', '1 min 15 s', '1 h 1 min', '50 h']

    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 10:
        return f"{hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def plan_duration(seconds: float) -> str:
    """The duration in the rounded words of a plan.

    >>> plan_duration(42.3), plan_duration(900), plan_duration(9000)
    ('42 s', '15 min', '2.5 h')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"
