"""The learning rate of a recommendation, with its interval and the interval's cost."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.recommendation.evidence import CONFIDENCE, Prediction, TransferEvidence
from parametrization.recommendation.values import LearningRate, RateQuantile
from parametrization.text.rounding import known_digits, significant
from parametrization.transfer.axes.moved import Moved
from parametrization.transfer.summary import expected_regret_percent
from parametrization.transfer.target_loss import predicted_loss
from tuner.spec.study import StudySpec

UNFITTED_OCTAVES: Final = 2.0
"""Half width of the interval around the best rate tried, until a curve can be fitted."""

WIDTH_ALONE: Final = Moved()
MOST_OCTAVES: Final = 300.0
"""Rates beyond 2 ** 300 and below 2 ** -300 are shown as those."""


def learning_rate(
    spec: StudySpec,
    evidence: TransferEvidence,
    prediction: Prediction | None,
    best: Mapping[str, float],
    *,
    alone: bool,
    moved: Moved = WIDTH_ALONE,
) -> LearningRate:
    """The predicted optimum; until a width is measured, the best rate tried, with a wide interval.

    Args:
        best: hyperparameters of the search's winner.
        alone: True if the target differs from the proxies in its width alone.
        moved: change along other axes.

    """
    if prediction is None:
        tried = [at.optimum.log2_learning_rate for at in evidence.optima]
        return _unfitted(spec, best, tried, moved)
    prediction = moved.of(prediction)
    ends = _Ends(
        prediction.low_log2_learning_rate,
        prediction.log2_learning_rate,
        prediction.high_log2_learning_rate,
    )
    regret_percent = expected_regret_percent(evidence.optima, prediction)
    loss = predicted_loss(evidence.optima, prediction.width, regret_percent) if alone else None
    return _rate(spec, ends).model_copy(
        update={
            "quantiles": tuple(
                RateQuantile(
                    probability=at.probability, learning_rate=_power_of_two(at.log2_learning_rate)
                )
                for at in prediction.quantiles
            ),
            "predicted_regret_percent": regret_percent,
            "predicted_loss": loss,
        }
    )


class _Ends(NamedTuple):
    """log2 of an interval's ends and of the rate between them."""

    low: float
    centre: float
    high: float


def _unfitted(
    spec: StudySpec, best: Mapping[str, float], tried: list[float | None], moved: Moved
) -> LearningRate:
    centre = math.log2(best["learning_rate"])
    reach = max((abs(rate - centre) for rate in tried if rate is not None), default=0.0)
    half = UNFITTED_OCTAVES + reach
    middle = centre + moved.octaves
    return _rate(spec, _Ends(middle - half - moved.below, middle, middle + half + moved.above))


def _rate(spec: StudySpec, ends: _Ends) -> LearningRate:
    half = (ends.high - ends.low) / 2
    digits = known_digits(2.0**half - 1)
    low, value, high = (significant(2.0**at, digits) for at in ends)
    proxies = spec.proxies
    return LearningRate(
        value=_power_of_two(ends.centre),
        low=_power_of_two(ends.low),
        high=_power_of_two(ends.high),
        log2=ends.centre,
        half_width_octaves=half,
        confidence=CONFIDENCE,
        predicted_regret_percent=None,
        digits=digits,
        words=f"{value} at the base (width {spec.base_width}, depth {proxies.depth}, batch"
        f" {proxies.batch_size:,}, {proxies.tokens:,} tokens); {100 * CONFIDENCE:.0f} % interval"
        f" {low} to {high}, {_reach(ends)} octaves",
    )


def _reach(ends: _Ends) -> str:
    """Reach of the interval in octaves; one number where both sides are nearly equal.

    >>> _reach(_Ends(-5.5, -5.0, -4.5)), _reach(_Ends(-5.5, -5.0, -4.8))
    ('± 0.5', '-0.5 / +0.2')
    """
    below, above = ends.centre - ends.low, ends.high - ends.centre
    if math.isclose(below, above, rel_tol=0.25):
        return f"± {(below + above) / 2:.2g}"
    return f"-{below:.2g} / +{above:.2g}"


def _power_of_two(log2: float) -> float:
    """2 ** log2, within what floats hold with room for every rule's factor on it."""
    return math.exp2(min(max(log2, -MOST_OCTAVES), MOST_OCTAVES))
