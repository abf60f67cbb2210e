"""Predict the loss curve of a training run from those of narrower models, at any learning rate.

Under muP models of all widths train alike at one base rate, most of all early on. What a run has
learned then depends on how far it has gone: on the sum of its learning rates, whose unit here is
one update at the peak (`exposure`). A run whose warm-up is longer takes more updates for it.
Between two rates that were tried the curves of both are read where the run has gone as far, and
weighed by their distance in octaves; beyond the last one its curve is read so too. Many small
updates go farther than few large ones of the same sum, through averages of gradients that lag: so a
run that takes four times as many for its way is read from the curves of rates four times lower, at
four times the exposure, which took as many.

Losses are compared by their logarithm, rates by that to base 2, at the base width.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parametrization.scaling.schedule import Schedule

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

SMOOTHED_SHARE: Final = 0.12
"""Half width of the mean that smooths a curve, as a share of the updates done by then."""
SMOOTHED_UPDATES: Final = 1.5
"""Least half width of that mean, in updates."""
WIDTH_WEIGHT: Final = 0.5
"""Ratio of a curve's weight to that of the next wider width: curves differ little early on, and
each has batch noise of its own."""
NOISE_UPDATES: Final = 8
"""Least half width, in updates, of the mean that estimates a batch's noise."""
LEAST_NOISE: Final = 0.01
"""Least standard deviation of one update's log loss."""
_SAMPLES: Final = 400
_SECOND_DIFFERENCE: Final = 6
"""Variance of a - 2b + c over that of each."""


class ProxyRun(NamedTuple):
    """Training loss of one trial, update by update."""

    width: int
    log2_rate: float
    losses: Sequence[float]
    """Loss before each update, the first one first, up to the last finite one."""


def exposure(schedule: Schedule, steps: int, updates: Sequence[int]) -> Floats:
    """Sum of the schedule's factors over all updates before each of these (0-based), ascending.

    Exact in the warm-up; beyond it by the trapezoidal rule.

    >>> exposure(Schedule(), 100, [0, 1, 10, 11]).tolist()
    [0.0, 0.1, 5.5, 6.5]
    """
    at = np.asarray(updates, float)
    warmup = schedule.warmup_steps(steps)
    done = np.minimum(at, warmup)
    found: Floats = done * (done + 1) / (2 * warmup) if warmup else np.zeros(len(at))
    last = int(at.max(initial=0))
    if last > warmup:
        points = np.unique(np.linspace(warmup, last, min(_SAMPLES, last - warmup + 1)).round())
        factors = np.array([schedule.factor(min(int(p), steps - 1), steps) for p in points])
        # The update at a point counts from that point on: a step function, as updates are.
        pieces = (factors[1:] + factors[:-1]) / 2 * np.diff(points)
        if len(points) == last - warmup + 1:
            pieces = factors[:-1] * np.diff(points)
        found = found + np.interp(np.maximum(at, warmup), points, np.append(0, np.cumsum(pieces)))
    return found


class PredictedCurves:
    """The log loss that a run is expected to have, by how far it has gone and at which rate.

    Args:
        runs: of the widths that are measured; of one rate, all that there are.
        exposures: before each of their updates.

    Raises:
        ValueError: if there is no run with two losses.

    """

    def __init__(self, runs: Iterable[ProxyRun], exposures: Floats) -> None:
        usable = [run for run in runs if len(run.losses) > 1 and min(run.losses) > 0]
        if not usable:
            raise ValueError("no run has a training curve")
        widths = sorted({run.width for run in usable}, reverse=True)
        weight = {width: WIDTH_WEIGHT**place for place, width in enumerate(widths)}
        by_rate: dict[float, list[ProxyRun]] = {}
        for run in usable:
            by_rate.setdefault(run.log2_rate, []).append(run)
        self.exposures = exposures
        self.rates = np.array(sorted(by_rate))
        self._curves = [_mean_curve(by_rate[rate], weight, len(exposures)) for rate in self.rates]
        self._noise = [_noise(by_rate[rate], len(exposures)) for rate in self.rates]
        self._alike = min(
            _alike([weight[run.width] for run in by_rate[rate]]) for rate in self.rates
        )

    def log_losses(self, at: Floats, log2_rate: float) -> Floats:
        """Expected log loss at these exposures of a run with this rate."""
        return self._read(self._curves, at, log2_rate)

    def noise(self, at: Floats, log2_rate: float) -> Floats:
        """Standard deviation there of one update's log loss, which one batch gives."""
        return np.maximum(self._read(self._noise, at, log2_rate), LEAST_NOISE)

    def repeats(self, at: Floats) -> Floats:
        """Weight of a curve's own variance on each loss of a run seen at these exposures.

        Losses of a run that are compared with the same smoothed point of a curve share its error:
        their number, over the number of losses that this point is the mean of.
        """
        low, high = _windows(len(self.exposures), SMOOTHED_UPDATES, even=True)
        place = np.clip(np.searchsorted(self.exposures, at), 0, len(self.exposures) - 1)
        ends = np.append(self.exposures, 2 * self.exposures[-1] - self.exposures[-2])
        first, last = ends[low[place]], ends[high[place]]
        met = np.searchsorted(at, last) - np.searchsorted(at, first)
        return np.asarray(np.maximum(met, 1) / (self._alike * (high - low)[place]), float)

    def finer(self, exposure: float, updates: int) -> float:
        """Updates of the run per update of the curves' runs, to the same exposure; 1 or more.

        Args:
            exposure: reached by the run.
            updates: that the run took.

        """
        taken = float(np.interp(exposure, self.exposures, np.arange(len(self.exposures))))
        return max(1.0, updates / taken) if taken > 0 else 1.0

    @property
    def longest(self) -> float:
        """Largest exposure that the curves reach."""
        return float(self.exposures[-1])

    def _read(self, curves: Sequence[Floats], at: Floats, log2_rate: float) -> Floats:
        inside = float(np.clip(log2_rate, self.rates[0], self.rates[-1]))
        shares = {place: _share(self.rates, place, inside) for place in range(len(self.rates))}
        found = np.zeros(len(at))
        for place, share in shares.items():
            if share > 0:
                reached = at * 2.0 ** (log2_rate - self.rates[place])
                found += share * np.interp(reached, self.exposures, curves[place])
        return found


def _share(rates: Floats, place: int, rate: float) -> float:
    """Weight of one of the rates in a linear interpolation between them."""
    return float(np.interp(rate, rates, np.arange(len(rates)) == place))


def _alike(weights: Sequence[float]) -> float:
    """Effective number of runs: equally weighed ones whose mean would have the same variance."""
    return sum(weights) ** 2 / sum(weight**2 for weight in weights)


def _mean_curve(runs: Sequence[ProxyRun], weight: Mapping[int, float], updates: int) -> Floats:
    """Log loss by update, smoothed; held where the runs of a rate had diverged."""
    total, weights = np.zeros(updates), np.zeros(updates)
    for run in runs:
        logs = np.log(np.asarray(run.losses[:updates]))
        held = np.append(logs, np.full(updates - len(logs), max(logs[0], logs.max())))
        total += weight[run.width] * held
        weights += weight[run.width]
    return _smoothed(total / weights)


def _noise(runs: Sequence[ProxyRun], updates: int) -> Floats:
    """Standard deviation of single updates around their run's curve, smoothed."""
    squares, seen = np.zeros(updates), np.zeros(updates)
    for run in runs:
        of_run, known = bends(np.log(np.asarray(run.losses[:updates])))
        squares[: len(of_run)] += of_run
        seen[: len(known)] += known
    total, count = running_sum(squares), running_sum(seen)
    return np.sqrt(np.where(count > 0, total / np.maximum(count, 1), LEAST_NOISE**2))


def bends(log_losses: Floats) -> tuple[Floats, Floats]:
    """Variance of each loss by second differences, and 1 for losses that have one, else 0.

    A trend that is straight over three losses cancels in a second difference.
    """
    squares, known = np.zeros(len(log_losses)), np.zeros(len(log_losses))
    squares[1:-1] = np.diff(log_losses, 2) ** 2 / _SECOND_DIFFERENCE
    known[1:-1] = 1
    return squares, known


def running_sum(values: Floats) -> Floats:
    """Sum over a window around each value: NOISE_UPDATES, or SMOOTHED_SHARE, on either side."""
    low, high = _windows(len(values), NOISE_UPDATES, even=False)
    sums = np.append(0, np.cumsum(values))
    return np.asarray(sums[high] - sums[low], float)


def _smoothed(values: Floats) -> Floats:
    """Mean over as many updates on either side as there are, up to the half width of each."""
    low, high = _windows(len(values), SMOOTHED_UPDATES, even=True)
    sums = np.append(0, np.cumsum(values))
    return np.asarray((sums[high] - sums[low]) / (high - low), float)


def _windows(updates: int, least: float, *, even: bool) -> tuple[Places, Places]:
    """First update of each window, and the one after its last.

    Args:
        least: half width, in updates.
        even: as many on both sides: a curve that falls is else read early or late at its ends.

    """
    at = np.arange(updates)
    half = np.maximum(least, SMOOTHED_SHARE * at).astype(int)
    if even:
        half = np.minimum(half, np.minimum(at, updates - 1 - at))
    return np.maximum(at - half, 0), np.minimum(at + half + 1, updates)
