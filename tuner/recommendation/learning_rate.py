"""The learning rate of a recommendation, with its interval and what the interval costs."""

import math
from typing import Final

from tuner.evidence.drift import Prediction
from tuner.evidence.optimum import CONFIDENCE
from tuner.evidence.sensitivity import TransferEvidence
from tuner.records.trials import TrialRecord
from tuner.spec.record import Record

UNFITTED_OCTAVES: Final = 2.0
"""Half width of the interval around the best rate tried, until a curve can be fitted."""


class LearningRate(Record):
    """Peak learning rate at the base width, for a target of the recommendation's width."""

    value: float
    low: float
    high: float
    """End of the interval."""
    log2: float
    half_width_octaves: float
    """Half of the interval, in octaves."""
    confidence: float
    """Level of the interval, between 0 and 1."""
    predicted_regret_percent: float | None
    """Loss that the interval's uncertainty is expected to cost; None until a curve is fitted."""


def learning_rate(
    evidence: TransferEvidence, prediction: Prediction | None, best: TrialRecord
) -> LearningRate:
    """The predicted optimum; until a width is measured the best rate tried, and all that was."""
    if prediction is None:
        return _unfitted(best, [at.optimum.log2_learning_rate for at in evidence.optima])
    half = prediction.high_log2_learning_rate - prediction.log2_learning_rate
    regret = _expected_regret_percent(evidence, prediction)
    return _rate(prediction.log2_learning_rate, half, regret)


def _unfitted(best: TrialRecord, tried: list[float | None]) -> LearningRate:
    centre = math.log2(best.hyperparameters["learning_rate"])
    reach = max((abs(rate - centre) for rate in tried if rate is not None), default=0.0)
    return _rate(centre, UNFITTED_OCTAVES + reach, None)


def _rate(log2: float, half: float, regret_percent: float | None) -> LearningRate:
    return LearningRate(
        value=2.0**log2,
        low=2.0 ** (log2 - half),
        high=2.0 ** (log2 + half),
        log2=log2,
        half_width_octaves=half,
        confidence=CONFIDENCE,
        predicted_regret_percent=regret_percent,
    )


def _expected_regret_percent(evidence: TransferEvidence, prediction: Prediction) -> float | None:
    """Mean of the widest fit's quadratic loss excess over the prediction's error."""
    curved = [at.optimum.curvature for at in evidence.optima if at.optimum.curvature is not None]
    if not curved:
        return None
    return 100 * math.expm1(math.log1p(curved[-1]) * prediction.standard_error_octaves**2)
