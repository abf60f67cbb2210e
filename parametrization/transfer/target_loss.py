"""Predict the loss at a width that was not trained, from the losses at the optima of narrower ones.

On the problems of `benchmarks.transfer.regret` the logarithm of the loss falls with every doubling
of width by 0.4 to 0.8 of what it fell by with the one before.
"""

import math
from collections.abc import Sequence
from typing import Final

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.recommendation.values import PredictedLoss
from parametrization.transfer.drift import measured_optima

KEPT: Final = 0.6
"""Ratio of one doubling's gain in log loss to that of the doubling before."""
KEPT_RANGE: Final = (0.3, 0.95)
"""Ends of the interval: the gain soon levels off, or hardly does."""
SEED_LOG_LOSS: Final = 0.05
"""Half width added on both sides for the fits: seeds of the MLPs differ by 0.1 at one rate."""


def predicted_loss(
    optima: Sequence[WidthOptimum], width: int, regret_percent: float | None = None
) -> PredictedLoss | None:
    """The loss at a width's optimum; None between or below measured widths, or with fewer than two.

    A measured width has the loss of its fit.

    Args:
        regret_percent: expected excess of loss at the recommended rate; None if it is not known.

    """
    found = _at_the_optimum(optima, width)
    if found is None or regret_percent is None:
        return found
    dearer = found.value * (1 + regret_percent / 100)
    return found.model_copy(update={"at_recommended_rate": dearer})


def _at_the_optimum(optima: Sequence[WidthOptimum], width: int) -> PredictedLoss | None:
    known = [(at.width, at.optimum.loss) for at in measured_optima(optima)]
    losses = [(at, math.log(loss)) for at, loss in known if loss is not None]
    own = next((log_loss for at, log_loss in losses if at == width), None)
    if own is not None:
        return _around(own, own, own)
    if len(losses) < 2 or width < losses[-1][0]:
        return None
    (before, earlier), (widest, last) = losses[-2:]
    gain = (last - earlier) / math.log2(widest / before)
    doublings = math.log2(width / widest)
    far, near = (last + gain * _doublings_kept(kept, doublings) for kept in KEPT_RANGE)
    return _around(last + gain * _doublings_kept(KEPT, doublings), min(far, near), max(far, near))


def _doublings_kept(kept: float, doublings: float) -> float:
    """Sum of kept + kept ** 2 + ... over the doublings.

    >>> round(_doublings_kept(0.5, 2), 3)
    0.75
    """
    left = math.pow(kept, doublings)
    return kept * (1 - left) / (1 - kept)


def _around(value: float, low: float, high: float) -> PredictedLoss:
    return PredictedLoss(
        value=math.exp(value),
        low=math.exp(low - SEED_LOG_LOSS),
        high=math.exp(high + SEED_LOG_LOSS),
    )
