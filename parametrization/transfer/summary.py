"""The learning rate at one further width, from the optima of measured ones."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from parametrization.recommendation.evidence import Drift, Prediction, WidthOptimum
from parametrization.transfer.drift import drift
from parametrization.transfer.law import REGRET_SHARE
from parametrization.transfer.prediction import predict

MOST_LOG_EXCESS: Final = 600.0
"""Natural logarithm of the largest regret that is shown."""


class Transfer(NamedTuple):
    """Prediction of the learning rate at a width, with the optima that it rests on."""

    optima: Sequence[WidthOptimum]
    """Narrowest first."""
    drift: Drift | None
    proxy_width: int
    """Width of the search: its optimum and the widest one's must be measured for any trust."""
    width: int
    prediction: Prediction | None
    predicted_regret_percent: float | None


def transfer_to(width: int, optima: Sequence[WidthOptimum], *, proxy_width: int) -> Transfer:
    """Drift, prediction and predicted regret at a width, from the optima of measured widths."""
    prediction = predict(optima, width)
    return Transfer(
        optima,
        drift(optima),
        proxy_width,
        width,
        prediction,
        None if prediction is None else expected_regret_percent(optima, prediction),
    )


def expected_regret_percent(optima: Sequence[WidthOptimum], prediction: Prediction) -> float | None:
    """Mean quadratic excess of loss over the prediction's error, in percent; None without a fit.

    The curvature is the widest measured width's.
    """
    curved = [at.optimum.curvature for at in optima if at.optimum.curvature is not None]
    if not curved:
        return None
    square = REGRET_SHARE * prediction.standard_error_octaves**2
    return 100 * math.expm1(min(math.log1p(curved[-1]) * square, MOST_LOG_EXCESS))
