"""Predict the optimum of a width that was not trained, as a distribution.

Rates are log2(learning rate) at the base width, distances on that axis are octaves; widths
count in doublings.
"""

import itertools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from parametrization.recommendation.evidence import Z90, Prediction, Quantile, WidthOptimum
from parametrization.transfer.drift import (
    SCATTER_OCTAVES,
    error_of,
    measured_optima,
    rate_of,
)
from parametrization.transfer.law import (
    MIN_WIDTHS,
    SURPRISE,
    UNMEASURED_DRIFT_OCTAVES,
    carried,
    coordinate,
    move_octaves,
    search_error,
)

PROBABILITIES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Probabilities of the quantiles that are reported of a predictive distribution."""
_DEVIATIONS: Final = tuple(
    round(NormalDist().inv_cdf(probability), 4) for probability in PROBABILITIES
)
"""The same quantiles of a standard normal distribution, to the digits of `Z90`."""


class _Centre(NamedTuple):
    """The median of a prediction, its error, its distance from the data, and its drift."""

    log2_rate: float
    error: float
    """Standard deviation in octaves: the nearest optimum's own, and that of the move from it."""
    beyond: float = 0.0
    drift: float = 0.0


def predict(optima: Sequence[WidthOptimum], width: int) -> Prediction | None:
    """The optimum expected at a width; None if no optimum is measured.

    A measured width has its own optimum. Beyond the widest one it is that one's, moved by the
    law's drift as fitted to all of them (`law.carried`); between two widths it is interpolated. The
    interval grows with the distance, less so at large widths, and is wider if the optimum's own
    error is larger than usual, if optima jump, and until three widths are measured.
    """
    known = measured_optima(optima)
    if not known:
        return None
    own = next((at for at in known if at.width == width), None)
    if own is not None:
        return _distribution(width, _Centre(rate_of(own), 0.0), *_sides(own))
    at = _centre(known, width)
    error = at.error * _surprise(known)
    if len(known) < MIN_WIDTHS:
        error += UNMEASURED_DRIFT_OCTAVES / Z90
    return _distribution(width, at, error, error)


def _centre(known: Sequence[WidthOptimum], width: int) -> _Centre:
    """Expected optimum of a width that has none of its own."""
    narrowest, widest = known[0], known[-1]
    if width > widest.width:
        drift = _drift_beyond(known, width)
        return _Centre(
            rate_of(widest) + drift,
            _error(widest, width),
            math.log2(width / widest.width),
            drift,
        )
    if width < narrowest.width:
        beyond = math.log2(narrowest.width / width)
        return _Centre(rate_of(narrowest), _error(narrowest, width), beyond)
    below, above = next(
        (low, high) for low, high in itertools.pairwise(known) if low.width < width < high.width
    )
    share = (coordinate(below.width) - coordinate(width)) / (
        coordinate(below.width) - coordinate(above.width)
    )
    return _Centre(
        (1 - share) * rate_of(below) + share * rate_of(above),
        min(_error(below, width), _error(above, width)),
    )


def _error(nearest: WidthOptimum, width: int) -> float:
    """Standard deviation of a width's optimum around that of another width."""
    search = search_error(error_of(nearest), nearest.optimum.seeds)
    return math.hypot(search, move_octaves(nearest.width, width))


def _drift_beyond(known: Sequence[WidthOptimum], width: int) -> float:
    """Octaves by which the optimum moves from the widest measured width to a wider one."""
    if len(known) < 2:
        return 0.0
    slope = carried(
        [at.width for at in known],
        [rate_of(at) for at in known],
        [error_of(at) for at in known],
    )
    return slope * (coordinate(width) - coordinate(known[-1].width))


def _sides(at: WidthOptimum) -> tuple[float, float]:
    """Standard errors of a measured optimum below and above it."""
    low, high = at.optimum.low_log2_learning_rate, at.optimum.high_log2_learning_rate
    if low is None or high is None:
        raise ValueError(f"the optimum of width {at.width} is {at.optimum.status}")
    return (rate_of(at) - low) / Z90, (high - rate_of(at)) / Z90


def _surprise(known: Sequence[WidthOptimum]) -> float:
    """Factor by which the steps between widths are larger than expected; 1 or more."""
    ratios = [
        (rate_of(wide) - rate_of(narrow))
        / math.hypot(
            move_octaves(narrow.width, wide.width),
            error_of(narrow),
            error_of(wide),
            math.sqrt(2) * SCATTER_OCTAVES,
        )
        for narrow, wide in itertools.pairwise(known)
    ]
    if not ratios:
        return 1.0
    return max(1.0, math.sqrt(math.fsum(ratio**2 for ratio in ratios) / len(ratios)) / SURPRISE)


def _distribution(width: int, at: _Centre, low: float, high: float) -> Prediction:
    """Distribution of two half normals around the centre, each with its own standard deviation."""
    return Prediction(
        width=width,
        log2_learning_rate=at.log2_rate,
        low_log2_learning_rate=at.log2_rate - Z90 * low,
        high_log2_learning_rate=at.log2_rate + Z90 * high,
        quantiles=tuple(
            Quantile(
                probability=probability,
                log2_learning_rate=at.log2_rate + deviations * (low if deviations < 0 else high),
            )
            for probability, deviations in zip(PROBABILITIES, _DEVIATIONS, strict=True)
        ),
        standard_error_octaves=math.hypot(low, high) / math.sqrt(2),
        doublings_beyond=at.beyond,
        drift_octaves=at.drift,
    )
