"""The drift over width and its extrapolation as they were in November 2026: never changed.

Rates are log2(learning rate) at the base width, distances on that axis are octaves; widths
count in doublings.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.transfer.as_built_2026_11.optimum import Z90, Floats, Optimum
from parametrization.recommendation.record import Record

DRIFT_PRIOR_OCTAVES: Final = 0.15
"""Standard deviation of muP's drift per doubling of width, around zero, before it is measured.

Measured drifts were +0.13 (MLP) and -0.08 to -0.13 (GPT), and targets three
doublings wider had their optimum 0.25 to 0.6 octaves higher: 0.08 to 0.20 per doubling."""
SCATTER_OCTAVES: Final = 0.1
"""Standard deviation of one width's optimum around the straight drift.

The five widths of the MLP scatter by 0.12 around their line, search noise included."""
UNMEASURED_DRIFT_OCTAVES: Final = 0.5
"""Added to an interval on both sides until three widths are measured.

Measured: an interval without it held the optimum of a target three doublings wider in 25 to 60 %
of studies, and with it in 82 to 100 %."""
MIN_WIDTHS: Final = 3
_FREE: Final = 20.0
"""Standard deviation, in octaves, of what is not known beforehand."""
_LEAST_ERROR: Final = 0.02
"""Octaves. Standard errors below it would let one lucky fit outweigh every other width."""


class WidthOptimum(Record):
    """The optimum of one width."""

    width: int
    optimum: Optimum


class Drift(Record):
    """The movement of the best log2(learning rate) per doubling of width."""

    octaves_per_doubling: float
    low_octaves_per_doubling: float
    high_octaves_per_doubling: float
    """End of the 90 % interval."""
    widths: int
    """Widths whose optimum is measured."""
    prior_octaves: float | None
    """Standard deviation of the prior around zero that the drift is shrunk with; None: no prior."""


class Prediction(Record):
    """The optimum expected at one width, in log2(learning rate) at the base width."""

    width: int
    log2_learning_rate: float
    low_log2_learning_rate: float
    high_log2_learning_rate: float
    """End of the 90 % interval; it carries the drift's uncertainty and the transfer term."""
    standard_error_octaves: float
    doublings_beyond: float
    """Doublings from the nearest measured width to this one; 0 inside the measured range."""


def drift(
    optima: Sequence[WidthOptimum], *, prior_octaves: float | None = DRIFT_PRIOR_OCTAVES
) -> Drift | None:
    """Fit the drift over the measured optima; None with fewer than two.

    Args:
        prior_octaves: standard deviation of the drift around zero, as muP promises; None for
            the standard parametrization, which promises nothing.

    """
    belief = _belief(optima, prior_octaves)
    if belief is None or len(belief.doublings) < 2:
        return None
    cross = belief.drift_prior**2 * belief.doublings
    mean = float(cross @ belief.precision @ belief.deviations)
    half = Z90 * _spread(belief.drift_prior**2, cross, belief)
    return Drift(
        octaves_per_doubling=mean,
        low_octaves_per_doubling=mean - half,
        high_octaves_per_doubling=mean + half,
        widths=len(belief.doublings),
        prior_octaves=prior_octaves,
    )


def predict(
    optima: Sequence[WidthOptimum],
    width: int,
    *,
    prior_octaves: float | None = DRIFT_PRIOR_OCTAVES,
) -> Prediction | None:
    """The optimum expected at a width; None if no optimum is measured.

    A measured width is answered by its own optimum, steadied a little by its neighbours'; any
    other one by the drift, and its interval grows with the doublings to the measured widths.
    Where fewer than three widths are measured it reaches half an octave further on both sides.
    """
    belief = _belief(optima, prior_octaves)
    if belief is None:
        return None
    at = math.log2(width) - belief.reference
    same = belief.doublings == at
    cross = _FREE**2 + belief.drift_prior**2 * at * belief.doublings + SCATTER_OCTAVES**2 * same
    alone = _FREE**2 + (belief.drift_prior * at) ** 2 + SCATTER_OCTAVES**2
    mean = belief.centre + float(cross @ belief.precision @ belief.deviations)
    error = _spread(alone, cross, belief)
    half = Z90 * error
    if len(belief.doublings) < MIN_WIDTHS and not same.any():
        half += UNMEASURED_DRIFT_OCTAVES
    beyond = max(0.0, at - belief.doublings.max(), belief.doublings.min() - at)
    return Prediction(
        width=width,
        log2_learning_rate=mean,
        low_log2_learning_rate=mean - half,
        high_log2_learning_rate=mean + half,
        standard_error_octaves=half / Z90,
        doublings_beyond=float(beyond),
    )


class _Belief(NamedTuple):
    """Gaussian belief about optima: a free level, a drift, and each width's own scatter."""

    reference: float
    """log2 width from which doublings count."""
    doublings: Floats
    centre: float
    deviations: Floats
    """Optima less `centre`."""
    precision: Floats
    """Inverse of the optima's prior covariance, measurement errors included."""
    drift_prior: float
    inflation: float
    """Factor on variances where the optima scatter more than the belief allows."""


def _belief(optima: Sequence[WidthOptimum], prior_octaves: float | None) -> _Belief | None:
    known = [
        (math.log2(at.width), at.optimum.log2_learning_rate, at.optimum.standard_error_octaves)
        for at in optima
        if at.optimum.status == "measured" and at.optimum.log2_learning_rate is not None
    ]
    if not known:
        return None
    log2_width, rates, errors = (np.array(column) for column in zip(*known, strict=True))
    reference = float(log2_width.mean())
    doublings = log2_width - reference
    prior = _FREE if prior_octaves is None else prior_octaves
    noise = np.diag(SCATTER_OCTAVES**2 + np.maximum(errors, _LEAST_ERROR) ** 2)
    covariance = _FREE**2 + prior**2 * np.outer(doublings, doublings) + noise
    precision = np.linalg.inv(covariance).astype(np.float64)
    centre = float(rates.mean())
    deviations = rates - centre
    # Under the belief this quadratic form is chi-squared, less what the free parts absorb.
    freedom = len(known) - (2 if prior_octaves is None else 1)
    misfit = float(deviations @ precision @ deviations) / freedom if freedom > 0 else 1.0
    return _Belief(
        reference, doublings, centre, deviations, precision, prior, inflation=max(1.0, misfit)
    )


def _spread(alone: float, cross: Floats, belief: _Belief) -> float:
    """Standard deviation left of a quantity of variance `alone` once the optima are known."""
    variance = alone - float(cross @ belief.precision @ cross)
    return math.sqrt(max(0.0, variance) * belief.inflation)
