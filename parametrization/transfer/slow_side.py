"""The losses at rates slower than the best one, and whether runs so short have learned anything.

A basin is steepest at its far end. Runs that end before they have learned much show the opposite:
slow rates leave the loss where it began, so that the curve flattens towards them, and at every
width at the same loss. Their best rate goes with how long they train, and would move if they went
on.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from parametrization.recommendation.evidence import SlowSide, WidthOptimum

MIN_RATES: Final = 3
"""The best rate and two slower ones."""
MIN_REACH_OCTAVES: Final = 2.0
"""Rates of which the slowest is nearer to the best say nothing of where the loss begins."""
DENSE_OCTAVES: Final = 0.25
"""Rates closer than that are a search's single trials: neighbours differ by their noise."""
STEEPEST_AT_THE_END: Final = 0.9
"""Fall per octave at the slow end over the steepest: 1 for a basin. Summed over a study's three
widths it is 0.92 or more for a GPT of 100 steps, and 0.91 or less in 90 % of studies of 8 steps."""
SAME_LOSS: Final = 0.25
"""Spread of the slowest rates' log losses over widths, as a share of what the best rate gains. In
nine of ten studies of 8 steps it is 0.16 or less, in as many of a GPT of 100 steps 0.36 or more."""
LITTLE_LEARNED: Final = math.log(2)
"""Log loss below that of the slowest rates: they hardly learn, and the best one has not halved the
loss. An MLP of 8 steps gains 0.2 to 0.5, a ViT of 100 steps, which also flattens, 0.5 to 1.4."""


def slow_side(means: Mapping[float, float]) -> SlowSide | None:
    """How the loss falls from the slowest rate to the best one; None with too few rates there.

    Args:
        means: loss by log2(learning rate), over seeds; rates that diverge left out.

    """
    best = min(means, key=lambda rate: means[rate])
    rates = sorted(rate for rate in means if rate <= best)
    if len(rates) < MIN_RATES or best - rates[0] < MIN_REACH_OCTAVES:
        return None
    spacing = np.diff(rates)
    if spacing.min() < DENSE_OCTAVES:
        return None
    falls = -np.diff(np.log([means[rate] for rate in rates])) / spacing
    return SlowSide(
        slowest_loss=means[rates[0]],
        fall=math.log(means[rates[0]] / means[best]),
        fall_per_octave_at_the_end=float(falls[0]),
        steepest_fall_per_octave=float(falls.max()),
    )


def little_learned(optima: Sequence[WidthOptimum]) -> float | None:
    """Log loss that the best rates gain over rates which learn nothing; None if these do learn.

    None, too, where the best ones have halved the loss, and with fewer than two widths.
    """
    sides = [at.optimum.slow_side for at in optima if at.optimum.slow_side is not None]
    if len(sides) < 2:
        return None
    gained = max(side.fall for side in sides)
    starts = [math.log(side.slowest_loss) for side in sides]
    flattens = math.fsum(
        side.fall_per_octave_at_the_end - STEEPEST_AT_THE_END * side.steepest_fall_per_octave
        for side in sides
    )
    begins_alike = max(starts) - min(starts) < SAME_LOSS * gained
    return gained if flattens < 0 and begins_alike and gained < LITTLE_LEARNED else None
