"""Smooth noisy losses over log2(learning rate) by triangular weights, many replicates at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING: Final = 1e-6
"""Sums of weights below it are rounding."""


def smoothed_one_by_one(
    rates: Floats, rate: Floats, log_loss: Floats, weights: Floats, reach: float
) -> Floats:
    """Means of the losses around each of `rates`, by triangular weights that end at `reach`."""
    near = np.clip(1 - np.abs(rates[:, None] - rate) / reach, 0, None)
    mass = weights @ near.T
    smooth = np.full(mass.shape, np.inf)
    np.divide(weights @ (near * log_loss).T, mass, out=smooth, where=mass > 0)
    return smooth


def smoothed_by_sums(
    rates: Floats, rate: Floats, log_loss: Floats, weights: Floats, reach: float
) -> Floats:
    """The same within rounding, where trials times rates would be too many numbers.

    A triangle is linear on both sides, so that differences of running sums over the sorted trials
    are enough.
    """
    first, here, last = (
        np.searchsorted(rate, rates - reach),
        np.searchsorted(rate, rates),
        np.searchsorted(rate, rates + reach),
    )

    def triangle(values: Floats) -> Floats:
        plain, moment = (
            np.pad(np.cumsum(of, axis=1), ((0, 0), (1, 0))) for of in (values, values * rate)
        )
        rising = plain[:, here] - plain[:, first], moment[:, here] - moment[:, first]
        falling = plain[:, last] - plain[:, here], moment[:, last] - moment[:, here]
        result: Floats = (1 - rates / reach) * rising[0] + rising[1] / reach
        return result + (1 + rates / reach) * falling[0] - falling[1] / reach

    mass = triangle(weights)
    smooth = np.full(mass.shape, np.inf)
    np.divide(triangle(weights * log_loss), mass, out=smooth, where=mass > ROUNDING)
    return smooth
