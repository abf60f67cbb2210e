"""The losses at rates slower than the best one, as a test for runs too short to learn anything.

In runs that end before they have learned much, slow rates leave the loss at its initial value at
every width, and towards the best rate the loss falls ever faster; that of longer runs is a basin,
which flattens towards its bottom. The best rate of short runs moves with their length.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from parametrization.recommendation.evidence import RateLoss, WidthOptimum

MIN_REACH_OCTAVES: Final = 1.0
"""Least distance from the best rate of a width down to the slowest one that two widths have:
nearer to the best the loss is no longer at its initial value."""
DENSE_OCTAVES: Final = 0.25
"""Rates closer than that are a search's single trials: neighbours differ by their noise."""
SAME_LOSS: Final = 0.25
"""Spread of the losses at the slowest rate over widths, as a share of the best rate's gain on them,
both of log loss. In nine of ten studies of 8 steps it is 0.19 or less, in as many of a GPT of 100
steps 0.36 or more."""
BASIN: Final = 0.25
"""Share of the fall in the slower half of the way to the best rate less that in the faster half:
1/2 for a parabola, 0 for a straight line. In nine of ten studies of 8 steps it is 0.22 or less."""
MIN_RATES: Final = 3
"""Least number of rates on that way for its halves to be compared."""
LITTLE_LEARNED: Final = math.log(2)
"""Log loss that the best rate gains on the slowest: an MLP of 8 steps 0.2 to 0.5, a ViT of 100
steps, whose widths begin alike too, 0.5 to 1.4."""


def slow_side(means: Mapping[float, float]) -> tuple[RateLoss, ...]:
    """The rates up to the best one, ascending; none where rates are as dense as a search's.

    Args:
        means: loss by log2(learning rate), over seeds; rates that diverge left out.

    """
    rates = sorted(means)
    if any(above - below < DENSE_OCTAVES for below, above in pairwise(rates)):
        return ()
    best = min(rates, key=lambda rate: means[rate])
    return tuple(
        RateLoss(log2_learning_rate=rate, loss=means[rate]) for rate in rates if rate <= best
    )


def little_learned(optima: Sequence[WidthOptimum]) -> float | None:
    """Log loss that the best rates gain on slow ones which learn nothing; None if these do learn.

    None, too, where the best ones have halved the loss, where the curves are basins, and with fewer
    than two widths.
    """
    sides = [at.optimum.slow_side for at in optima if at.optimum.slow_side]
    if len(sides) < 2:
        return None
    slowest = sorted(side[0].log2_learning_rate for side in sides)[1]
    ways = [_way(side, slowest) for side in sides if side[0].log2_learning_rate <= slowest]
    if any(way.octaves < MIN_REACH_OCTAVES for way in ways):
        return None
    starts = [way.start for way in ways]
    begins_alike = max(starts) - min(starts) < SAME_LOSS * max(way.fall for way in ways)
    long = [way for way in ways if way.rates >= MIN_RATES]
    is_basin = math.fsum(way.slower_half_more - BASIN * way.fall for way in long) >= 0
    gained = max(starts) - min(math.log(side[-1].loss) for side in sides)
    return None if is_basin or not begins_alike or gained >= LITTLE_LEARNED else gained


class _Way(NamedTuple):
    """The log loss on the way from a slow rate up to the best one."""

    octaves: float
    start: float
    fall: float
    slower_half_more: float
    """The fall in the slower half less that in the faster one."""
    rates: int


def _way(side: Sequence[RateLoss], slowest: float) -> _Way:
    rates = [at.log2_learning_rate for at in side]
    log_losses = [math.log(at.loss) for at in side]
    start, middle = np.interp([slowest, (slowest + rates[-1]) / 2], rates, log_losses)
    end = log_losses[-1]
    return _Way(
        rates[-1] - slowest,
        float(start),
        float(start) - end,
        float(start + end - 2 * middle),
        sum(rate >= slowest for rate in rates),
    )
