"""The best learning rate over depth, before the factor of the rule in force: a line in log2.

A rule of depth multiplies branches, rates and epsilon together, and a right one leaves the optimum
at the base where it is. The remaining move is fitted.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from parametrization.transfer.axes.horizon_law import Normal
from parametrization.transfer.drift import LEAST_ERROR, SCATTER_OCTAVES

RULED_OCTAVES: Final = 0.15
"""Prior standard deviation of the octaves a doubling under a rule of depth: twice what optima of
widths of 64 to 256 move by under theirs. Of flat curves a few cells say less than it does."""
UNRULED_OCTAVES: Final = 0.5
"""Without a rule: half an octave a doubling, as by 1 / sqrt(depth)."""
BEYOND_OCTAVES: Final = 0.1
"""Standard deviation added per doubling beyond what was measured."""


class SeenDepth(NamedTuple):
    """One optimum that was measured."""

    doublings: float
    """log2 of the depth over the base's."""
    octaves: float
    """log2 of the best rate, from any zero."""
    error: float
    """Standard error, in octaves."""


class DepthLaw:
    """The posterior of the line's slope, in octaves per doubling of the depth."""

    def __init__(self, seen: Sequence[SeenDepth], *, by_rule: bool) -> None:
        """Fit; the order of the optima does not matter.

        Args:
            by_rule: True if a rule of depth is in force.

        """
        prior = RULED_OCTAVES if by_rule else UNRULED_OCTAVES
        self._doublings = [one.doublings for one in seen]
        self.slope = _slope(sorted(seen), prior) if seen else Normal(0.0, prior)

    def move(self, doublings: float) -> Normal:
        """Octaves by which the best rate lies above the base's, that many doublings deeper."""
        measured = (*self._doublings, 0.0)
        beyond = max(0.0, doublings - max(measured), min(measured) - doublings)
        error = math.hypot(self.slope.deviation * doublings, BEYOND_OCTAVES * beyond)
        return Normal(self.slope.mean * doublings, error)


def _slope(seen: Sequence[SeenDepth], prior: float) -> Normal:
    doublings = np.array([one.doublings for one in seen])
    octaves = np.array([one.octaves for one in seen])
    errors = np.array([max(one.error, LEAST_ERROR) for one in seen])
    weights = 1 / (errors**2 + SCATTER_OCTAVES**2)
    offsets = doublings - np.average(doublings, weights=weights)
    precision = float(weights @ offsets**2) + prior**-2
    return Normal(float(weights @ (offsets * octaves)) / precision, precision**-0.5)
