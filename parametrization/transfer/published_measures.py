"""Compute two published measures of transfer: robustness to a wrong rate, and the penalty at width.

Kalra & Barkeshli 2026, arXiv:2605.21486, judge a parametrization by three numbers: how well the
best rates follow a power law of the width (`Drift.fit_error_octaves`), how the cost of a wrong rate
grows with width, and what the parametrization costs in the limit.
"""

from collections.abc import Sequence

import numpy as np

from parametrization.recommendation.evidence import AsymptoticPenalty, Robustness, WidthOptimum
from parametrization.transfer.drift import measured_optima


def robustness(optima: Sequence[WidthOptimum]) -> Robustness | None:
    """Fit a power law of the width to the curvature of log loss; None with fewer than two widths.

    >>> from parametrization.recommendation.evidence import Optimum
    >>> def curved(width: int, curvature: float) -> WidthOptimum:
    ...     optimum = Optimum(status="measured", log2_learning_rate=-6.0, curvature=curvature,
    ...                       trials=14, rates=7)
    ...     return WidthOptimum(width=width, optimum=optimum)
    >>> found = robustness([curved(width, 0.01 / width) for width in (32, 64, 128)])
    >>> round(found.exponent, 2), found.widths
    (-1.0, 3)
    """
    known = [
        (at.width, at.optimum.curvature)
        for at in measured_optima(optima)
        if at.optimum.curvature is not None and at.optimum.curvature > 0
    ]
    if len(known) < 2:
        return None
    doublings = np.log2([width for width, _ in known])
    sizes = np.log2(np.log1p([curvature for _, curvature in known]))
    offsets = doublings - doublings.mean()
    slope = float(offsets @ sizes / (offsets @ offsets))
    free = len(known) - 2
    residuals = sizes - sizes.mean() - slope * offsets
    error = float(np.sqrt(residuals @ residuals / free / (offsets @ offsets))) if free else None
    return Robustness(exponent=slope, standard_error=error, widths=len(known))


def asymptotic_penalty(
    optima: Sequence[WidthOptimum], mup: Sequence[WidthOptimum]
) -> AsymptoticPenalty | None:
    """Carry the ratio of best losses to infinite width; None with fewer than three common widths.

    Corrections to the limit are taken to be of order 1/width: the ratio is fitted by a line in
    that. Three widths leave one degree of freedom, so it is an indication.
    """
    ours, theirs = _losses(optima), _losses(mup)
    widths = sorted(ours.keys() & theirs.keys())
    if len(widths) < 3:
        return None
    ratios = np.array([ours[width] / theirs[width] for width in widths])
    _, limit = np.polyfit([widths[0] / width for width in widths], ratios, 1)
    return AsymptoticPenalty(
        percent=100 * (float(limit) - 1),
        at_width=widths[-1],
        percent_at_width=100 * (float(ratios[-1]) - 1),
        widths=len(widths),
    )


def _losses(optima: Sequence[WidthOptimum]) -> dict[int, float]:
    """Losses of the measured widths that are above 0, so that ratios of them have a meaning."""
    return {
        at.width: at.optimum.loss
        for at in measured_optima(optima)
        if at.optimum.loss is not None and at.optimum.loss > 0
    }
