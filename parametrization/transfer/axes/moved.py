"""A prediction for a width, carried on along other axes."""

import math
from typing import NamedTuple

from parametrization.recommendation.evidence import Z90, Prediction


class Moved(NamedTuple):
    """What other axes than width add to a prediction, in octaves."""

    octaves: float = 0.0
    """To the median: what was measured along them, beside what the rules multiply."""
    error_octaves: float = 0.0
    """Standard deviation of that."""
    below: float = 0.0
    """How far published rules reach below the one in force, along axes that were not measured."""
    above: float = 0.0

    def of(self, prediction: Prediction) -> Prediction:
        """The prediction with all of it.

        The error adds to the standard error. The disagreement of rules adds to the interval and the
        quantiles as it is: it is no chance error, and none of them is an average.
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
    """A quantile's distance from the median, where the interval's ends are now those."""
    centre = prediction.log2_learning_rate
    if away < 0:
        return away * low / (centre - prediction.low_log2_learning_rate)
    return away * high / (prediction.high_log2_learning_rate - centre) if away else 0.0
