"""The best learning rate over batch and tokens: a power law with a knee at the critical batch.

    rate(B, D) ~ D^t  B^low  (1 + B / Bc)^(high - low),    Bc ~ D^growth

Below the critical batch Bc the rate grows like B^low, above it like B^high. Bc grows with the
tokens, so that the exponent of the tokens follows the batch: t below Bc, and above it
t + (low - high) growth. A constant exponent is wrong on either side: in tables of public sweeps the
rate goes like D^-0.3 at batches of 32 sequences, D^0 at 192 and D^0.2 from 352 on. The knee is that
of the critical-batch literature (McCandlish et al. 2018, arXiv:1812.06162); that Bc, and with it
the exponent of D, moves with training is measured by Filatov et al. 2024, arXiv:2410.05838.

Given Bc and growth the law is linear in the rest, whose posterior is exact; over those two it is
summed on a grid. Everything is in log2, over the base: octaves of the rate, doublings of batch and
tokens.
"""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parametrization.transfer.drift import LEAST_ERROR, SCATTER_OCTAVES

Floats = NDArray[np.float64]

TOKENS_EXPONENT: Final = (-0.3, 0.3)
"""Prior of t, mean and standard deviation: published exponents reach from -0.5 to +0.3."""
LOW_EXPONENT: Final = (0.6, 0.25)
"""Prior below the knee: 0.5 by the square-root rule, 0.7 in public sweeps, 1 by the linear one."""
HIGH_EXPONENT: Final = (0.1, 0.15)
"""Prior above the knee, where sweeps are flat or nearly so."""
BASE_OCTAVES: Final = 10.0
"""Prior of the base's own optimum around the mean of all: hardly any."""
KNEES: Final = tuple(float(half) / 2 for half in range(-16, 25))
"""log2 of the critical batch at the base's tokens over the base's batch, each as likely."""
GROWTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Exponents of the critical batch in tokens: 0.47 by Zhang et al. 2024, arXiv:2410.21676, and 1 by
arXiv:2410.05838."""
_GROWTH_WEIGHTS: Final = (0.5, 1.0, 2.0, 1.0, 0.5)
BEYOND_OCTAVES: Final = 0.06
"""Standard deviation in octaves added per doubling beyond the measured values, for error of the
law itself."""
KNOWN_KNEE_DOUBLINGS: Final = 1.5
"""Largest standard deviation of log2 of the critical batch at which that batch is reported."""


class Seen(NamedTuple):
    """One optimum that was measured."""

    batch: float
    """log2 of the batch over the base's."""
    tokens: float
    octaves: float
    """log2 of the best rate, from any zero."""
    error: float
    """Standard error, in octaves."""


class Normal(NamedTuple):
    """A mean and a standard deviation."""

    mean: float
    deviation: float


class HorizonLaw:
    """The posterior of the law, given optima; without any it is the prior."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        """Fit; the order of the optima does not matter."""
        self._seen = sorted(seen)
        grid = list(itertools.product(KNEES, zip(GROWTHS, _GROWTH_WEIGHTS, strict=True)))
        self._knees = np.array([knee for knee, _ in grid])
        self._growths = np.array([growth for _, (growth, _) in grid])
        prior = np.array([weight for _, (_, weight) in grid])
        octaves = np.array([one.octaves for one in self._seen])
        centre = float(octaves.mean()) if self._seen else 0.0
        normals = ((centre, BASE_OCTAVES), TOKENS_EXPONENT, LOW_EXPONENT, HIGH_EXPONENT)
        before = np.array([mean for mean, _ in normals])
        spread = np.diag([deviation**2 for _, deviation in normals])
        rows = (
            np.stack([self._row(one.batch, one.tokens) for one in self._seen], axis=1)
            if (self._seen)
            else np.zeros((len(grid), 0, 4))
        )
        noise = np.diag(
            [max(one.error, LEAST_ERROR) ** 2 + SCATTER_OCTAVES**2 for one in self._seen]
        )
        # (grid, seen, seen), and its inverse's product with (grid, seen, 4)
        covariance = rows @ spread @ rows.transpose(0, 2, 1) + noise
        gain = np.linalg.solve(covariance, rows @ spread).transpose(0, 2, 1)
        residual = octaves - rows @ before
        self._means: Floats = before + np.einsum("gpn,gn->gp", gain, residual)
        self._covariances: Floats = spread - gain @ rows @ spread
        weighed = np.linalg.solve(covariance, residual[..., None])[..., 0]
        _, volume = np.linalg.slogdet(covariance)
        log_weight = np.log(prior) - (np.einsum("gn,gn->g", residual, weighed) + volume) / 2
        weights = np.exp(log_weight - log_weight.max())
        self._weights: Floats = weights / weights.sum()

    def move(self, batch: float, tokens: float) -> Normal:
        """Octaves by which the best rate lies above the base's.

        Args:
            batch: log2 of the batch over the base's.
            tokens: log2 of the tokens over the base's.

        """
        found = self._of(self._row(batch, tokens) - self._row(0.0, 0.0))
        beyond = BEYOND_OCTAVES * (
            _outside(batch, [one.batch for one in self._seen])
            + _outside(tokens, [one.tokens for one in self._seen])
        )
        return found._replace(deviation=float(np.hypot(found.deviation, beyond)))

    def exponent(self, batch: float, tokens: float, *, along: str) -> Normal:
        """The local power of the batch or the tokens at a point.

        Args:
            along: `batch` or `tokens`.

        """
        step = 0.25
        by = (step, 0.0) if along == "batch" else (0.0, step)
        high = self._row(batch + by[0], tokens + by[1])
        low = self._row(batch - by[0], tokens - by[1])
        return self._of((high - low) / (2 * step))

    @property
    def knee(self) -> Normal:
        """log2 of the critical batch over the base's, at the base's tokens."""
        mean = float(self._weights @ self._knees)
        return Normal(mean, float(np.sqrt(self._weights @ (self._knees - mean) ** 2)))

    def _row(self, batch: float, tokens: float) -> Floats:
        """Coefficients of level, t, low and high for every pair of knee and growth: [grid, 4]."""
        bent = np.logaddexp2(0.0, batch - self._knees - self._growths * tokens)
        ones = np.ones_like(bent)
        return np.stack([ones, tokens * ones, batch - bent, bent], axis=1)

    def _of(self, rows: Floats) -> Normal:
        """Mean and standard deviation of a linear form, over the whole posterior."""
        means = np.einsum("gp,gp->g", rows, self._means)
        variances = np.einsum("gp,gpq,gq->g", rows, self._covariances, rows)
        mean = float(self._weights @ means)
        spread = self._weights @ (np.maximum(variances, 0.0) + (means - mean) ** 2)
        return Normal(mean, float(np.sqrt(spread)))


def _outside(value: float, measured: Sequence[float]) -> float:
    """Doublings by which a value lies outside of the measured ones and the base; 0 within."""
    return max(0.0, value - max((*measured, 0.0)), min((*measured, 0.0)) - value)
