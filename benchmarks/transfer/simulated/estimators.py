"""The estimators that answer for a simulated study: the service's own, and those it is held to."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from benchmarks.transfer.as_built_2026_11 import drift as drift_2026_11
from benchmarks.transfer.as_built_2026_11 import optimum as optimum_2026_11
from benchmarks.transfer.simulated.studies import SimulatedStudy
from parametrization.recommendation.evidence import WidthOptimum
from parametrization.transfer.grid import mean_loss
from parametrization.transfer.optimum import fit_optimum
from parametrization.transfer.reasons import reasons_against_transfer, too_short
from parametrization.transfer.regret import Losses
from parametrization.transfer.summary import transfer_to
from tuner.recommendation.learning_rate import UNFITTED_OCTAVES

HALF_OCTAVE: Final = 0.5
Z90: Final = 1.6449


class Answer(NamedTuple):
    """An estimator's answer on the target's best learning rate, in log2."""

    rate: float
    low: float
    high: float
    """End of the 90 % interval; the rate itself where the estimator gives none."""
    quantiles: tuple[tuple[float, float], ...] = ()
    """(probability, log2 rate) of the predictive distribution, where there is one."""
    predicted_regret_percent: float | None = None
    topics: tuple[str, ...] = ()
    """Of the reasons for caution or abstention; none where the rate is recommended."""


def service(study: SimulatedStudy) -> Answer:
    """The service's answer to the measured losses, by its own functions."""
    optima = tuple(
        WidthOptimum(width=width, optimum=fit_optimum(_points(losses)))
        for width, losses in study.losses.items()
    )
    found = transfer_to(study.target, optima, proxy_width=min(study.losses))
    reasons = [*reasons_against_transfer(found)]
    if study.steps is not None:
        reasons += too_short(study.steps)
    topics = tuple(dict.fromkeys(reason.topic for reason in reasons))
    prediction = found.prediction
    if prediction is None:
        return _unfitted(study)._replace(topics=topics)
    return Answer(
        prediction.log2_learning_rate,
        prediction.low_log2_learning_rate,
        prediction.high_log2_learning_rate,
        tuple((at.probability, at.log2_learning_rate) for at in prediction.quantiles),
        found.predicted_regret_percent,
        topics,
    )


def as_built_2026_11(study: SimulatedStudy) -> Answer:
    """The service's estimator of November 2026: a line in log2(width), shrunk towards none."""
    prediction = drift_2026_11.predict(_optima_2026_11(study), study.target)
    if prediction is None:
        return _unfitted(study)
    return Answer(
        prediction.log2_learning_rate,
        prediction.low_log2_learning_rate,
        prediction.high_log2_learning_rate,
    )


def half_octave_narrowest(study: SimulatedStudy) -> Answer:
    """The narrowest width's optimum, half an octave either way."""
    return _half_octave(study, _optima_2026_11(study)[:1])


def half_octave_widest(study: SimulatedStudy) -> Answer:
    """The widest measured width's optimum, half an octave either way."""
    return _half_octave(study, _optima_2026_11(study)[-1:])


def raw_argmin_widest(study: SimulatedStudy) -> Answer:
    """The best rate tried at the widest measured width, half an octave either way."""
    best = _best_rate(study)
    return Answer(best, best - HALF_OCTAVE, best + HALF_OCTAVE)


def fit_without_drift(study: SimulatedStudy) -> Answer:
    """The widths' optima averaged by their precision, with no allowance for a drift."""
    known = [at.optimum for at in _optima_2026_11(study)]
    fitted = [
        (at.log2_learning_rate, 1 / max(at.standard_error_octaves, 0.02) ** 2)
        for at in known
        if at.status == "measured" and at.log2_learning_rate is not None
    ]
    if not fitted:
        return _unfitted(study)
    precision = sum(weight for _, weight in fitted)
    rate = sum(rate * weight for rate, weight in fitted) / precision
    half = Z90 / precision**0.5
    return Answer(rate, rate - half, rate + half)


BASELINES: Final[dict[str, Callable[[SimulatedStudy], Answer]]] = {
    "half_octave_narrowest": half_octave_narrowest,
    "half_octave_widest": half_octave_widest,
    "raw_argmin_widest": raw_argmin_widest,
    "fit_without_drift": fit_without_drift,
    "as_built_2026_11": as_built_2026_11,
}


def _optima_2026_11(study: SimulatedStudy) -> list[drift_2026_11.WidthOptimum]:
    return [
        drift_2026_11.WidthOptimum(width=width, optimum=optimum_2026_11.fit_optimum(_points(of)))
        for width, of in study.losses.items()
    ]


def _half_octave(study: SimulatedStudy, optima: list[drift_2026_11.WidthOptimum]) -> Answer:
    (only,) = optima
    rate = only.optimum.log2_learning_rate
    if rate is None:
        return _unfitted(study)
    return Answer(rate, rate - HALF_OCTAVE, rate + HALF_OCTAVE)


def _unfitted(study: SimulatedStudy) -> Answer:
    """The best rate tried, as widely as the service says it until a curve is fitted."""
    best = _best_rate(study)
    return Answer(best, best - UNFITTED_OCTAVES, best + UNFITTED_OCTAVES)


def _best_rate(study: SimulatedStudy) -> float:
    widest = study.losses[max(study.losses)]
    return min(widest, key=lambda rate: mean_loss(widest[rate]))


def _points(losses: Losses) -> Iterable[tuple[float, float | None]]:
    return ((rate, loss) for rate, seeds in losses.items() for loss in seeds)
