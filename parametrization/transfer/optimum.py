"""The best learning rate of one width from a handful of noisy trials, with its uncertainty.

Rates are log2(learning rate) and distances on that axis are octaves. Losses are compared by
their logarithm: a relative excess means the same for every task.
"""

import math
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parametrization.recommendation.evidence import CONFIDENCE, Z90, Optimum
from parametrization.transfer.grid import optimum_edge
from parametrization.transfer.slow_side import slow_side
from parametrization.transfer.smoothing import smoothed_by_sums, smoothed_one_by_one

Floats = NDArray[np.float64]

WINDOW_OCTAVES: Final = 2.5
"""Half width of the tricube window around the minimum. Narrower is noisier, wider is biased by
the loss's steeper side: 2.5 covered best on the losses of a small GPT, grids and random rates."""
SHAPE_OCTAVES: Final = 0.07
"""Added to the interval in quadrature: a quadratic misses the minimum of a lopsided curve.

On smoothed losses of the small GPT it lies 0.01 to 0.06 octaves beside, whatever the noise."""
FADING_EXCESS: Final = 0.5
"""Log loss above the lowest at which a rate counts a quarter, however near it lies.

A curve's far walls are steeper than its basin and of another shape: the one where training grows
unstable above all. Without this the optimum of SGD on an MLP is fitted 0.16 octaves too low, with
it 0.09; 0.3 and 0.7 do as well on the banks of `benchmarks.transfer.regret`."""
WALL_EXCESS: Final = 1.0
"""Log loss above the lowest from which on a rate is past a wall, as a diverged one is: the optimum
lies on this side. Seeds of one rate differ by 0.15 on the noisiest of the banks' problems."""
WINDOW_RATES: Final = 3.5
NARROWEST_OCTAVES: Final = 1.5
"""A window holds so many rates on either side, where these reach so far."""
EXPLODED: Final = 4.0
"""Ratio of the highest to the lowest loss of one rate past the best from which a seed exploded."""
_DENSE_OCTAVES: Final = 0.25
"""Rates closer than that have single trials: a search's. Their losses are averaged over an octave
before they are compared with the lowest."""
MIN_TRIALS: Final = 5
MIN_RATES: Final = 3
_QUARTILES: Final = 1.349
"""Distance of a normal distribution's quartiles, in standard deviations."""
_REPLICATES: Final = 400
_FEW_TRIALS: Final = 500
"""Up to so many trials each of them is weighed at every rate, in all replicates."""
_REFITS: Final = 2
_SEED: Final = 20220307


def fit_optimum(points: Iterable[tuple[float, float | None]]) -> Optimum:
    """Fit the optimum of one width from (log2 learning rate, loss) of its trials.

    The interval resamples trials (pairs), never residuals or seeds, so that the cause of a lucky
    trial is resampled with it. Replicates' deviations are widened by sqrt(n / (n - 3)) for the
    three coefficients fitted to n trials in the window, and by the curve's own shape.

    Args:
        points: one pair per trial in any order; losses are positive, None where the trial
            diverged. A rate at which any seed diverged counts as infinitely bad; so does one
            past the best where one seed exploded to a finite loss and another did not.

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
    tried = Optimum(
        status="unknown",
        log2_learning_rate=best,
        loss=means[best],
        slow_side=slow_side(means),
        **counts,
    )
    if len(trials) < MIN_TRIALS or len(finite) < MIN_RATES:
        return tried
    edge = optimum_edge(by_rate)
    if edge is not None:
        return tried.model_copy(update={"status": "inconclusive", "edge": edge})
    return _fitted(tried, trials, _bounds(means, best, unstable))


class _Bounds(NamedTuple):
    """Range that holds the optimum, and the walls, rates that are far worse, at its ends."""

    low: float
    high: float
    walled_low: bool
    """True if there are tried rates below `low`, all of them far worse."""
    wall: float
    """The first rate beyond `high` that is far worse; infinite if none is."""


def _bounds(means: dict[float, float], best: float, unstable: Collection[float]) -> _Bounds:
    """Half way to the first rate on either side from which on every one is on a wall."""
    wall = math.exp(WALL_EXCESS) * means[best]
    below, above = ([x for x in means if (x < best) == low and x != best] for low in (True, False))
    fair_low = min((x for x in below if means[x] <= wall), default=best)
    fair_high = max((x for x in above if means[x] <= wall), default=best)
    ceiling = min((x for x in unstable if x > best), default=math.inf)
    fair_high = max((x for x in means if x <= min(fair_high, ceiling)), default=best)
    next_low = max((x for x in below if x < fair_low), default=None)
    next_high = min((x for x in (*above, ceiling) if x > fair_high), default=math.inf)
    return _Bounds(
        fair_low if next_low is None else (fair_low + next_low) / 2,
        fair_high if math.isinf(next_high) else (fair_high + next_high) / 2,
        next_low is not None,
        next_high,
    )


def _mean(losses: list[float]) -> float:
    """Mean of the losses; a single one, as in a search of thousands of rates, is not averaged."""
    return losses[0] if len(losses) == 1 else float(np.mean(losses))


def _without_exploded(losses: dict[float, list[float]]) -> dict[float, list[float]]:
    """Without rates past the best at which a seed ended far above another."""
    if not losses:
        return losses
    best = min(losses, key=lambda rate: _mean(losses[rate]))
    return {
        rate: seeds
        for rate, seeds in losses.items()
        if rate <= best or max(seeds) <= EXPLODED * min(seeds)
    }


def _fitted(
    tried: Optimum,
    finite: list[tuple[float, float]],
    bounds: _Bounds,
) -> Optimum:
    rate = np.array([x for x, _ in finite])
    floor = min(y for _, y in finite)
    log_loss = np.log(np.array([y for _, y in finite]) / floor)
    window = _window(np.unique(rate))
    count = len(finite)
    replicates = _REPLICATES if count <= _FEW_TRIALS else _REPLICATES // 4
    draws = np.random.default_rng(_SEED).multinomial(
        count, np.full(count, 1 / count), size=replicates
    )
    weights = np.vstack([np.ones(count), draws]) * _trust(rate, log_loss)
    minima, curvature, height = _minima(rate, log_loss, weights, window, bounds[:2])

    estimate = float(minima[0])
    inside = int(np.sum(np.abs(rate - estimate) < window))
    if inside <= MIN_RATES or len(np.unique(rate[np.abs(rate - estimate) < window])) < MIN_RATES:
        return tried
    margin = 1e-6
    if estimate <= bounds.low + margin and not bounds.walled_low:
        return tried.model_copy(update={"status": "inconclusive", "edge": "low"})
    if estimate >= bounds.high - margin and math.isinf(bounds.wall):
        return tried.model_copy(update={"status": "inconclusive", "edge": "high"})
    if curvature[0] <= 0:
        return tried.model_copy(update={"status": "inconclusive"})
    tail = (1 - CONFIDENCE) / 2
    low, first, third, high = np.quantile(minima[1:] - estimate, [tail, 0.25, 0.75, 1 - tail])
    widening = math.sqrt(inside / (inside - 3))
    below, above = widening * min(0.0, low), widening * max(0.0, high)
    return tried.model_copy(
        update={
            "status": "measured",
            "log2_learning_rate": estimate,
            "low_log2_learning_rate": estimate - math.hypot(below, SHAPE_OCTAVES),
            "high_log2_learning_rate": estimate + math.hypot(above, SHAPE_OCTAVES),
            "standard_error_octaves": math.hypot(
                widening * (third - first) / _QUARTILES, SHAPE_OCTAVES / Z90
            ),
            "loss": floor * float(np.exp(height[0])),
            "curvature": float(np.expm1(curvature[0])),
            "wall_log2_learning_rate": None if math.isinf(bounds.wall) else bounds.wall,
        }
    )


def _window(rates: Floats) -> float:
    """Half width of the fit's window: narrower where a table has rates close to one another."""
    spacing = float(np.median(np.diff(rates)))
    if spacing < _DENSE_OCTAVES:
        return WINDOW_OCTAVES
    return min(max(WINDOW_RATES * spacing, NARROWEST_OCTAVES), max(WINDOW_OCTAVES, 1.5 * spacing))


def _trust(rate: Floats, log_loss: Floats) -> Floats:
    """Weight of each trial by how far the losses at its rate lie above the lowest ones."""
    rates, where = np.unique(rate, return_inverse=True)
    spacing = float(np.diff(rates).min())
    reach = spacing if spacing >= _DENSE_OCTAVES else 1.0
    smoothed = smoothed_one_by_one if len(rate) <= _FEW_TRIALS else smoothed_by_sums
    level = smoothed(rates, rate, log_loss, np.ones((1, len(rate))), reach)[0]
    excess = np.maximum(level - level.min(), 0.0)
    weights: Floats = (1 + (excess / FADING_EXCESS) ** 2)[where] ** -2
    return weights


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
    smoothed = smoothed_one_by_one if len(rate) <= _FEW_TRIALS else smoothed_by_sums
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
