"""Fit how the optimum moves per doubling of width over the widths that were measured.

Rates are log2(learning rate) at the base width, distances on that axis are octaves.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from parametrization.recommendation.evidence import Z90, Drift, WidthOptimum

SCATTER_OCTAVES: Final = 0.1
"""Standard deviation of one width's true optimum around any smooth drift.

The five widths of an MLP scatter by 0.12 around their line, search noise included."""
LEAST_ERROR: Final = 0.02
"""Octaves. Standard errors below it would let one lucky fit outweigh every other width."""


def measured_optima(optima: Sequence[WidthOptimum]) -> tuple[WidthOptimum, ...]:
    """Widths whose optimum is fitted, narrowest first."""
    known = (at for at in optima if at.optimum.status == "measured")
    return tuple(sorted(known, key=lambda at: at.width))


def rate_of(at: WidthOptimum) -> float:
    """log2 of the fitted rate.

    Raises:
        ValueError: if the optimum is not measured.

    """
    if at.optimum.log2_learning_rate is None:
        raise ValueError(f"the optimum of width {at.width} is {at.optimum.status}")
    return at.optimum.log2_learning_rate


def error_of(at: WidthOptimum) -> float:
    """Standard error of a fitted rate, in octaves.

    Raises:
        ValueError: if the optimum is not measured.

    """
    if at.optimum.standard_error_octaves is None:
        raise ValueError(f"the optimum of width {at.width} is {at.optimum.status}")
    return max(at.optimum.standard_error_octaves, LEAST_ERROR)


def drift(optima: Sequence[WidthOptimum]) -> Drift | None:
    """The slope of the measured optima over log2(width); None with fewer than two.

    By least squares, in which each optimum counts by its own error and the scatter of a width.
    The slope is not shrunk towards zero: its standard error shows how much of it may be noise.
    """
    known = measured_optima(optima)
    if len(known) < 2:
        return None
    doublings = np.log2([at.width for at in known])
    rates = np.array([rate_of(at) for at in known])
    errors = np.array([error_of(at) for at in known])
    weights = 1 / (errors**2 + SCATTER_OCTAVES**2)
    offsets = doublings - np.average(doublings, weights=weights)
    information = float(weights @ offsets**2)
    slope = float(weights @ (offsets * rates)) / information
    residuals = rates - np.average(rates, weights=weights) - slope * offsets
    error = 1 / math.sqrt(information)
    return Drift(
        octaves_per_doubling=slope,
        low_octaves_per_doubling=slope - Z90 * error,
        high_octaves_per_doubling=slope + Z90 * error,
        standard_error_octaves=error,
        fit_error_octaves=float(np.sqrt(np.mean(residuals**2))),
        widths=len(known),
    )
