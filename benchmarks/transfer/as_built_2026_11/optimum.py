"""The fit of a width's optimum as it was in November 2026: a baseline, never changed.

Rates are log2(learning rate) and distances on that axis are octaves. Losses are compared by
their logarithm: a relative excess means the same for every task.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from parametrization.recommendation.evidence import Edge
from parametrization.recommendation.record import Record
from parametrization.transfer.grid import optimum_edge

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.9
"""Level of every interval."""
Z90: Final = round(NormalDist().inv_cdf((1 + CONFIDENCE) / 2), 4)
"""Half width of a normal distribution's interval of that level, in standard deviations.

Four digits: with more, the answers of stored studies would move in their last digits.
"""
WINDOW_OCTAVES: Final = 2.5
"""Half width of the tricube window around the minimum. Narrower is noisier, wider is biased by
the loss's steeper side: 2.5 covered best on the losses of a small GPT, grids and random rates."""
SHAPE_OCTAVES: Final = 0.07
"""Added to the interval in quadrature: a quadratic misses the minimum of a lopsided curve.

On smoothed losses of the small GPT it lies 0.01 to 0.06 octaves beside, whatever the noise."""
EXPLODED: Final = 2.0
"""Ratio to the lowest loss above which a trial past the optimum may be one that exploded."""
MIN_TRIALS: Final = 5
MIN_RATES: Final = 3
_REPLICATES: Final = 400
_FEW_TRIALS: Final = 500
"""Up to so many trials each of them is weighed at every rate, in all replicates."""
_ROUNDING: Final = 1e-6
_REFITS: Final = 2
_SEED: Final = 20220307


class Optimum(Record):
    """The learning rate, given at the base width, at which the loss of one width is lowest."""

    status: Literal["measured", "inconclusive", "unknown"]
    """`inconclusive`: on the edge of what was tried. `unknown`: too few trials."""
    log2_learning_rate: float | None
    """Minimum of the fit; the best rate tried if the status is not `measured`."""
    low_log2_learning_rate: float | None = None
    """Lower end of the 90 % interval; None unless measured."""
    high_log2_learning_rate: float | None = None
    """Upper end of the 90 % interval; None unless measured."""
    edge: Edge | None = None
    """The side on which the grid ends before the loss rises again."""
    loss: float | None = None
    """Loss at the optimum, by the fit if measured."""
    curvature: float | None = None
    """Relative loss excess one octave away from the optimum; None unless measured."""
    trials: int
    """Finite losses that entered."""
    rates: int
    """Different learning rates among them."""

    @property
    def standard_error_octaves(self) -> float:
        """Standard deviation of a normal distribution with the same 90 % interval.

        Raises:
            ValueError: if the optimum is not measured.

        """
        if self.low_log2_learning_rate is None or self.high_log2_learning_rate is None:
            raise ValueError(f"an optimum that is {self.status} has no interval")
        return (self.high_log2_learning_rate - self.low_log2_learning_rate) / (2 * Z90)


def fit_optimum(points: Iterable[tuple[float, float | None]]) -> Optimum:
    """Fit the optimum of one width from (log2 learning rate, loss) of its trials.

    The interval resamples trials (pairs), never residuals or seeds: whatever makes a trial
    lucky is resampled with it. Replicates' deviations are widened by sqrt(n / (n - 3)) for the
    three coefficients that n trials in the window were spent on, and by the curve's own shape.

    Args:
        points: one pair per trial in any order; losses are positive, None where the trial
            diverged. A rate at which any seed diverged, or exploded without leaving the finite
            numbers, counts as infinitely bad: its loss says nothing about the curve's shape.

    """
    ordered = sorted(points, key=lambda point: (point[0], point[1] is None, point[1] or 0.0))
    by_rate: dict[float, list[float | None]] = {}
    for rate, loss in ordered:
        by_rate.setdefault(rate, []).append(loss)
    finite = _without_exploded(
        {
            rate: [loss for loss in losses if loss is not None]
            for rate, losses in by_rate.items()
            if None not in losses
        }
    )
    unstable = by_rate.keys() - finite.keys()
    trials = [(rate, loss) for rate, losses in finite.items() for loss in losses]
    counts = {"trials": len(trials), "rates": len(finite)}
    if not finite:
        return Optimum(status="unknown", log2_learning_rate=None, **counts)

    means = {rate: _mean(losses) for rate, losses in finite.items()}
    best = min(means, key=lambda rate: means[rate])
    tried = Optimum(status="unknown", log2_learning_rate=best, loss=means[best], **counts)
    if len(trials) < MIN_TRIALS or len(finite) < MIN_RATES:
        return tried
    edge = optimum_edge(by_rate)
    if edge is not None:
        return tried.model_copy(update={"status": "inconclusive", "edge": edge})
    ceiling = min((x for x in unstable if x > best), default=None)
    high = max(finite) if ceiling is None else (max(x for x in finite if x < ceiling) + ceiling) / 2
    return _fitted(tried, trials, (min(finite), high), bracketed=ceiling is not None)


def _mean(losses: list[float]) -> float:
    """Their mean; one alone is a search's, which has thousands of rates."""
    return losses[0] if len(losses) == 1 else float(np.mean(losses))


def _without_exploded(losses: dict[float, list[float]]) -> dict[float, list[float]]:
    """Without rates past the best where a seed ended far off, above all that slower rates did."""
    if not losses:
        return losses
    best = min(losses, key=lambda rate: _mean(losses[rate]))
    slower = (loss for rate, seeds in losses.items() if rate < best for loss in seeds)
    bound = max([EXPLODED * min(losses[best]), *slower])
    return {rate: seeds for rate, seeds in losses.items() if rate <= best or max(seeds) <= bound}


def _fitted(
    tried: Optimum,
    finite: list[tuple[float, float]],
    bounds: tuple[float, float],
    *,
    bracketed: bool,
) -> Optimum:
    rate = np.array([x for x, _ in finite])
    floor = min(y for _, y in finite)
    log_loss = np.log(np.array([y for _, y in finite]) / floor)
    window = max(WINDOW_OCTAVES, 1.5 * float(np.median(np.diff(np.unique(rate)))))
    count = len(finite)
    replicates = _REPLICATES if count <= _FEW_TRIALS else _REPLICATES // 4
    draws = np.random.default_rng(_SEED).multinomial(
        count, np.full(count, 1 / count), size=replicates
    )
    weights = np.vstack([np.ones(count), draws])
    minima, curvature, height = _minima(rate, log_loss, weights, window, bounds)

    estimate = float(minima[0])
    inside = int(np.sum(np.abs(rate - estimate) < window))
    if inside <= MIN_RATES or len(np.unique(rate[np.abs(rate - estimate) < window])) < MIN_RATES:
        return tried
    margin = 1e-6
    if estimate <= bounds[0] + margin:
        return tried.model_copy(update={"status": "inconclusive", "edge": "low"})
    if estimate >= bounds[1] - margin and not bracketed:
        return tried.model_copy(update={"status": "inconclusive", "edge": "high"})
    if curvature[0] <= 0:
        return tried.model_copy(update={"status": "inconclusive"})
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(minima[1:] - estimate, [tail, 1 - tail])
    widening = math.sqrt(inside / (inside - 3))
    return Optimum(
        status="measured",
        log2_learning_rate=estimate,
        low_log2_learning_rate=estimate - math.hypot(widening * min(0.0, low), SHAPE_OCTAVES),
        high_log2_learning_rate=estimate + math.hypot(widening * max(0.0, high), SHAPE_OCTAVES),
        loss=floor * float(np.exp(height[0])),
        curvature=float(np.expm1(curvature[0])),
        trials=tried.trials,
        rates=tried.rates,
    )


def _minima(
    rate: Floats,
    log_loss: Floats,
    weights: Floats,
    window: float,
    bounds: tuple[float, float],
) -> tuple[Floats, Floats, Floats]:
    """Minimum, curvature and height of a local quadratic for every row of weights.

    The window starts at the lowest smoothed loss and follows the fit's own minimum; a fit that
    has none moves half a window downhill. Shapes: (trials), (trials), (replicates, trials).
    """
    rates = np.unique(rate)
    smoothed = _smoothed if len(rate) <= _FEW_TRIALS else _smoothed_by_sums
    centre = rates[smoothed(rates, rate, log_loss, weights, window / 2).argmin(axis=1)]
    for _ in range(_REFITS):
        level, slope, curve = _local_quadratic(rate - centre[:, None], log_loss, weights, window)
        convex = curve > 1e-6
        step = np.where(
            convex,
            -slope / np.where(convex, 2 * curve, 1),
            -np.sign(slope) * window / 2,
        ).clip(-window / 2, window / 2)
        moved = (centre + step).clip(*bounds)
        height = level + slope * (moved - centre) + curve * (moved - centre) ** 2
        centre = moved
    return centre, curve, height


def _smoothed(
    rates: Floats, rate: Floats, log_loss: Floats, weights: Floats, reach: float
) -> Floats:
    """Means of the losses around each of `rates`, by triangular weights that end at `reach`."""
    near = np.clip(1 - np.abs(rates[:, None] - rate) / reach, 0, None)
    mass = weights @ near.T
    smooth = np.full(mass.shape, np.inf)
    np.divide(weights @ (near * log_loss).T, mass, out=smooth, where=mass > 0)
    return smooth


def _smoothed_by_sums(
    rates: Floats, rate: Floats, log_loss: Floats, weights: Floats, reach: float
) -> Floats:
    """The same within rounding, where trials times rates would be too many numbers.

    A triangle is linear on both sides, so that differences of running sums over the sorted trials
    are enough.
    """
    first, here, last = (
        np.searchsorted(rate, rates - reach),
        np.searchsorted(rate, rates),
        np.searchsorted(rate, rates + reach),
    )

    def triangle(values: Floats) -> Floats:
        plain, moment = (
            np.pad(np.cumsum(of, axis=1), ((0, 0), (1, 0))) for of in (values, values * rate)
        )
        rising = plain[:, here] - plain[:, first], moment[:, here] - moment[:, first]
        falling = plain[:, last] - plain[:, here], moment[:, last] - moment[:, here]
        result: Floats = (1 - rates / reach) * rising[0] + rising[1] / reach
        return result + (1 + rates / reach) * falling[0] - falling[1] / reach

    mass = triangle(weights)
    smooth = np.full(mass.shape, np.inf)
    np.divide(triangle(weights * log_loss), mass, out=smooth, where=mass > _ROUNDING)
    return smooth


def _local_quadratic(
    offset: Floats, log_loss: Floats, weights: Floats, window: float
) -> tuple[Floats, Floats, Floats]:
    """Level, slope and curvature at offset 0 of a tricube-weighted quadratic, row by row."""
    tricube = (1 - np.clip(np.abs(offset) / window, 0, 1) ** 3) ** 3
    powers = weights * tricube
    moments, sums = [], []
    for power in range(5):
        moments.append(powers.sum(axis=1))
        if power < 3:
            sums.append(powers @ log_loss)
        powers = powers * offset
    normal = np.stack(
        [np.stack([moments[i + j] for j in range(3)], axis=1) for i in range(3)], axis=1
    )
    # The ridge only keeps resamples of fewer than three rates solvable.
    ridge = 1e-9 * np.eye(3)
    stacked = np.stack(sums, axis=1)[..., None]
    solution = np.linalg.solve(normal + ridge, stacked)[..., 0].astype(np.float64)
    return solution[:, 0], solution[:, 1], solution[:, 2]
