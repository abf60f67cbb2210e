"""Say how long a plan takes, as people say it."""

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def plan_duration(seconds: float) -> str:
    """The duration in the rounded words of a plan.

    >>> plan_duration(42.3), plan_duration(900), plan_duration(9000)
    ('42 s', '15 min', '2.5 h')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"
