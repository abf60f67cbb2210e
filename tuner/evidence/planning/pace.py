"""The pace of a study: seconds of an update, in part its own and in part its parameters'.

An update of a small model takes the time of its launches, whatever its width; one of a large
model that of its floating-point operations. Estimates from one width for another need both parts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self


class Work(NamedTuple):
    """Training, counted in both of the units that take time."""

    updates: float = 0.0
    parameters_updated: float = 0.0
    """Parameters times updates: the floating-point operations, up to a factor."""

    def plus(self, updates: float, parameters: float) -> Self:
        """With more updates, of a model with so many parameters."""
        return self._replace(
            updates=self.updates + updates,
            parameters_updated=self.parameters_updated + updates * parameters,
        )


class Pace(NamedTuple):
    """Seconds of training, as they pass while all slots of a study work side by side."""

    per_update: float
    per_parameter: float
    """Of one parameter in one update."""

    @classmethod
    def of(cls, done: Work, seconds: float, most_per_parameter: float) -> Self:
        """The pace at which this work took so many seconds.

        One sum does not tell its two parts apart, so as much as it can be is the parameters'.

        Args:
            done: some.
            most_per_parameter: bound on the seconds of one parameter in one update.

        >>> Pace.of(Work(100, 2000), seconds=10.0, most_per_parameter=0.001)
        Pace(per_update=0.08, per_parameter=0.001)

        """
        per_parameter = min(most_per_parameter, seconds / done.parameters_updated)
        rest = max(0.0, seconds - per_parameter * done.parameters_updated)
        return cls(rest / done.updates, per_parameter)

    def seconds(self, left: Work) -> float:
        """Seconds that this work takes."""
        return self.per_update * left.updates + self.per_parameter * left.parameters_updated


def most_per_parameter(checks: Sequence[tuple[float, float]]) -> float:
    """Bound on the seconds of one parameter in one update, by coordinate checks of several widths.

    A check also looks at what it trains, so it takes longer than a trial's updates. The time of
    the shortest check, which is mostly that of its beginning, is left out of the others'.

    Args:
        checks: (parameters times updates, seconds) of each; none bound nothing.

    >>> most_per_parameter([(1000.0, 0.5), (5000.0, 0.9)])
    0.0001
    >>> most_per_parameter([(1000.0, 0.5)])
    0.0005

    """
    if not checks:
        return math.inf
    least, shortest = min(checks, key=lambda check: check[1])
    wider = [
        (seconds - shortest) / (parameters - least)
        for parameters, seconds in checks
        if parameters > least
    ]
    return min(wider) if wider else shortest / least
