"""A prediction for a width, carried on along other axes."""

import math
from typing import NamedTuple

from parametrization.recommendation.evidence import Z90, Prediction


class Moved(NamedTuple):
    """Changes to a prediction from depth, batch and tokens, in octaves."""

    octaves: float = 0.0
    """Change of the median: the move that was measured beside the rules' factors."""
    error_octaves: float = 0.0
    """Standard deviation of that move."""
    below: float = 0.0
    """Distance from the rule in force to the lowest published one, along unmeasured axes."""
    above: float = 0.0
    """Distance to the highest published one."""

    def of(self, prediction: Prediction) -> Prediction:
        """The prediction with these changes.

        The error adds in quadrature to the standard error. The disagreement of rules is added to
        the interval and the quantiles without that: it is no random error that averages out.
        """
        if self == Moved():
            return prediction
        centre = prediction.log2_learning_rate
        low = self._reach(centre - prediction.low_log2_learning_rate, self.below)
        high = self._reach(prediction.high_log2_learning_rate - centre, self.above)
        middle = centre + self.octaves
        quantiles = tuple(
            at.model_copy(
                update={
                    "log2_learning_rate": middle
                    + _stretched(at.log2_learning_rate - centre, prediction, low, high)
                }
            )
            for at in prediction.quantiles
        )
        error = math.hypot(prediction.standard_error_octaves, self.error_octaves)
        return prediction.model_copy(
            update={
                "log2_learning_rate": middle,
                "low_log2_learning_rate": middle - low,
                "high_log2_learning_rate": middle + high,
                "quantiles": quantiles,
                "standard_error_octaves": error,
            }
        )

    def _reach(self, half_width: float, disagreement: float) -> float:
        return math.hypot(half_width, Z90 * self.error_octaves) + disagreement


def _stretched(away: float, prediction: Prediction, low: float, high: float) -> float:
    """A quantile's distance from the median once the interval reaches `low` below, `high` above."""
    centre = prediction.log2_learning_rate
    if away < 0:
        return away * low / (centre - prediction.low_log2_learning_rate)
    return away * high / (prediction.high_log2_learning_rate - centre) if away else 0.0
