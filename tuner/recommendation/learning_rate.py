"""The learning rate of a recommendation, with its interval and what the interval costs."""

import math
from collections.abc import Mapping
from typing import Final

from parametrization.recommendation.evidence import CONFIDENCE, TransferEvidence
from parametrization.recommendation.values import LearningRate
from parametrization.text.rounding import known_digits, significant
from tuner.evidence.drift import Prediction
from tuner.spec.study import StudySpec

UNFITTED_OCTAVES: Final = 2.0
"""Half width of the interval around the best rate tried, until a curve can be fitted."""

MOST_OCTAVES: Final = 300.0
"""Rates beyond 2 ** 300 and below 2 ** -300 are shown as those."""
MOST_LOG_EXCESS: Final = 600.0
"""Natural logarithm of the largest regret that is shown."""


def learning_rate(
    spec: StudySpec,
    evidence: TransferEvidence,
    prediction: Prediction | None,
    best: Mapping[str, float],
) -> LearningRate:
    """The predicted optimum; until a width is measured the best rate tried, and all that was.

    Args:
        best: hyperparameters of the search's winner.

    """
    if prediction is None:
        return _unfitted(spec, best, [at.optimum.log2_learning_rate for at in evidence.optima])
    half = prediction.high_log2_learning_rate - prediction.log2_learning_rate
    regret = _expected_regret_percent(evidence, prediction)
    return _rate(spec, prediction.log2_learning_rate, half, regret)


def _unfitted(
    spec: StudySpec, best: Mapping[str, float], tried: list[float | None]
) -> LearningRate:
    centre = math.log2(best["learning_rate"])
    reach = max((abs(rate - centre) for rate in tried if rate is not None), default=0.0)
    return _rate(spec, centre, UNFITTED_OCTAVES + reach, None)


def _rate(spec: StudySpec, log2: float, half: float, regret_percent: float | None) -> LearningRate:
    digits = known_digits(2.0**half - 1)
    value, low, high = (significant(2.0**at, digits) for at in (log2, log2 - half, log2 + half))
    proxies = spec.proxies
    return LearningRate(
        value=_power_of_two(log2),
        low=_power_of_two(log2 - half),
        high=_power_of_two(log2 + half),
        log2=log2,
        half_width_octaves=half,
        confidence=CONFIDENCE,
        predicted_regret_percent=regret_percent,
        digits=digits,
        words=f"{value} at the base (width {spec.base_width}, depth {proxies.depth}, batch"
        f" {proxies.batch_size:,}, {proxies.tokens:,} tokens); {100 * CONFIDENCE:.0f} % interval"
        f" {low} to {high}, ± {half:.2g} octaves",
    )


def _power_of_two(log2: float) -> float:
    """2 ** log2, within what floats hold with room for every rule's factor on it."""
    return math.exp2(min(max(log2, -MOST_OCTAVES), MOST_OCTAVES))


def _expected_regret_percent(evidence: TransferEvidence, prediction: Prediction) -> float | None:
    """Mean of the widest fit's quadratic loss excess over the prediction's error."""
    curved = [at.optimum.curvature for at in evidence.optima if at.optimum.curvature is not None]
    if not curved:
        return None
    log_excess = math.log1p(curved[-1]) * prediction.standard_error_octaves**2
    return 100 * math.expm1(min(log_excess, MOST_LOG_EXCESS))
