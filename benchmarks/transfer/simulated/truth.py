"""The true loss curve of a problem's target width, from every seed and rate of its bank."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.transfer.simulated.banks import Problem, SeedLosses

WINDOW_OCTAVES: Final = 2.0
"""Half width of the tricube window of a local cubic: seven rates half an octave apart. Resampled
over seeds the minimum moves by .03 to .09 octaves; a quadratic within 1.5 moves by .05 to .17."""
FADING_EXCESS: Final = 0.5
"""Log loss over the lowest at which a rate counts half: the stability wall must not bend the fit
of the basin."""
MOST_REGRET_PERCENT: Final = 100.0

Floats = NDArray[np.float64]


class TargetCurve(NamedTuple):
    """Log loss against log2(learning rate) at the target, smoothed."""

    rates: Floats
    """Fine, ascending."""
    log_loss: Floats

    @property
    def best(self) -> float:
        """log2 of the rate with the lowest loss."""
        return float(self.rates[self.log_loss.argmin()])

    def regret_percent(self, log2_rate: float) -> float:
        """The cost of a rate over the best one; at most 100, also beyond the bank's rates."""
        excess = float(np.interp(log2_rate, self.rates, self.log_loss) - self.log_loss.min())
        return min(100 * math.expm1(excess), MOST_REGRET_PERCENT)


def target_curve(problem: Problem) -> TargetCurve:
    """The target's curve; a diverged seed counts as the worst loss that any seed ended with."""
    losses = problem.losses[problem.target]
    rates, log_loss = np.array(list(losses)), _mean_log_losses(losses)
    fine = np.linspace(rates[0], rates[-1], round((rates[-1] - rates[0]) * 100) + 1)
    trust = 1 / (1 + ((log_loss - log_loss.min()) / FADING_EXCESS) ** 2)
    smooth = [_local(at, rates, log_loss, trust) for at in fine]
    return TargetCurve(fine, np.array(smooth))


def _mean_log_losses(losses: dict[float, SeedLosses]) -> Floats:
    worst = max(loss for seeds in losses.values() for loss in seeds.values() if loss is not None)
    return np.array(
        [
            np.mean([math.log(worst if loss is None else loss) for loss in seeds.values()])
            for seeds in losses.values()
        ]
    )


def _local(at: float, rates: Floats, log_loss: Floats, trust: Floats) -> float:
    distance = np.clip(np.abs(rates - at) / WINDOW_OCTAVES, 0, 1)
    weights = (1 - distance**3) ** 3 * trust
    inside = weights > 0
    powers = np.vander(rates[inside] - at, 4, increasing=True)
    root = np.sqrt(weights[inside])
    solution = np.linalg.lstsq(powers * root[:, None], log_loss[inside] * root, rcond=None)[0]
    return float(solution[0])
