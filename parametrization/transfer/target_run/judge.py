"""Test from a run's early losses that it trains at the learning rate it is said to train at.

The curve of every rate is predicted beforehand (`proxy_curves`). Given the losses so far, the rate
that the run trains at in effect has a posterior: losses are normal around their curve, with the
noise of one batch, after an offset common to all of them. Two hypotheses are weighed: `on`, the run
trains at the transferred rate, give or take what runs were seen to differ by; `off`, at one that is
wrong by a factor of 2 to 32, all alike.

What runs differ by is measured on the study's own trials: each of the widest measured width is
judged by the narrower widths' curves, as the target is by all of them, and its rate is known.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from parametrization.transfer.target_run.proxy_curves import (
    LEAST_NOISE,
    Floats,
    PredictedCurves,
    ProxyRun,
    bends,
    running_sum,
)

Verdict = Literal["undecided", "on", "off"]

WRONG_OCTAVES: Final = (1.0, 5.0)
"""log2 of the error of a rate that is off: a factor of 2, which costs loss, to one of 32."""
PRIOR_OFF: Final = 0.1
"""Share of runs that are expected to be off before any loss is seen."""
SURE: Final = 0.9
"""Probability of `off` from which that is the verdict. Under the right rate the odds that it takes
come up in at most 1.3 % of runs, however often they are looked at (Ville's inequality, where the
model holds)."""
CLEARED: Final = 0.02
"""Probability of `off` up to which the verdict is `on`: a fifth of the prior, so that it takes
informative losses. The interval of the rate then lies within the factor of 2 too."""
SPREADS: Final = np.array([0.25, 0.35, 0.5, 0.7, 1.0, 1.4])
"""Octaves by which runs of one rate may differ; the study's trials choose one. A grid of factor 2
resolves nothing smaller, and with a larger one no run could be shown to be off."""
USUAL_SPREAD_OCTAVES: Final = 0.35
"""Used if no trial's rate can be estimated from others' curves; a prior of an octave around it."""
OFFSET: Final = 0.03
"""Standard deviation of the offset, in log loss: initial losses of two models differ by so much."""
MOST_INDEPENDENT: Final = 100
"""Losses count for no more independent ones: curves also differ in shape, and that does not average
out."""
PRIOR_LOSSES: Final = 4
"""Losses that the noise of the curves' runs counts for, beside the run's own."""
_STEP_OCTAVES: Final = 0.1
_NEAR_OCTAVES: Final = 2.5
"""Trials within this many octaves of the transferred rate are used to measure that spread."""


class Judgement(NamedTuple):
    """Verdict on a run's learning rate from its losses so far."""

    verdict: Verdict
    off: float
    """Probability that the rate is wrong by a factor of 2 or more."""
    median_octaves: float
    low_octaves: float
    high_octaves: float
    """log2 of the rate that it trains at over the transferred one: median and 90 % interval."""
    spread_octaves: float
    """Standard deviation by which runs of one rate were seen to differ."""


class _Fit(NamedTuple):
    octaves: Floats
    log_likelihood: Floats


def judge(
    curves: PredictedCurves,
    exposures: Floats,
    log_losses: Floats,
    *,
    log2_rate: float,
    spread_octaves: float,
    updates: int | None = None,
    noise_ratio: float = 1.0,
) -> Judgement:
    """Verdict on a run's learning rate from its losses.

    Args:
        curves: predicted for every rate.
        exposures: before the updates whose losses are known, in units of the run's peak rate.
        log_losses: of the same updates.
        log2_rate: that the run is said to train at, at the base.
        spread_octaves: standard deviation by which runs of one rate differ.
        updates: that the run took to the last of them; default: as many as the curves' runs.
        noise_ratio: of the run's batch noise over that of the curves' runs.

    """
    finer = 1.0 if updates is None else curves.finer(float(exposures[-1]), updates)
    read = exposures * finer, log_losses, log2_rate - math.log2(finer)
    fit = _fit(curves, *read, noise_ratio)
    likelihood = np.exp(fit.log_likelihood - fit.log_likelihood.max())
    size = np.abs(fit.octaves)
    far = ((size >= WRONG_OCTAVES[0]) & (size <= WRONG_OCTAVES[1])).astype(float)
    prior_on = (1 - PRIOR_OFF) * _near(fit.octaves, spread_octaves)
    prior_off = PRIOR_OFF * far / far.sum()
    on, off = float(prior_on @ likelihood), float(prior_off @ likelihood)
    share = off / (on + off)
    posterior = (prior_on + prior_off) * likelihood
    ends = np.cumsum(posterior) / posterior.sum()
    low, median, high = (float(np.interp(p, ends, fit.octaves)) for p in (0.05, 0.5, 0.95))
    verdict: Verdict = "undecided"
    if share >= SURE:
        verdict = "off"
    elif share <= CLEARED and -WRONG_OCTAVES[0] < low and high < WRONG_OCTAVES[0]:
        verdict = "on"
    return Judgement(verdict, share, median, low, high, spread_octaves)


def spread_between_runs(
    runs: Sequence[ProxyRun], exposures: Floats, longest: float, log2_rate: float
) -> float:
    """Error of a trial's rate as estimated from curves of narrower widths, in octaves.

    The one of `SPREADS` under which the widest trials' losses are the likeliest.

    Args:
        runs: of all measured widths.
        exposures: before each of their updates.
        longest: exposure that the judged run has reached, in units of the runs' peak.
        log2_rate: transferred one, near which trials are tried.

    """
    widest = max(run.width for run in runs)
    narrower = [run for run in runs if run.width < widest]
    if not narrower:
        return USUAL_SPREAD_OCTAVES
    curves = PredictedCurves(narrower, exposures)
    evidence = -0.5 * (np.log2(SPREADS / USUAL_SPREAD_OCTAVES)) ** 2
    for run in runs:
        seen = int(np.searchsorted(exposures[: len(run.losses)], longest, side="right"))
        near = abs(run.log2_rate - log2_rate) <= _NEAR_OCTAVES
        if run.width == widest and near and seen > 1:
            logs = np.log(np.asarray(run.losses[:seen]))
            fit = _fit(curves, exposures[:seen], logs, run.log2_rate, 1.0)
            likelihood = np.exp(fit.log_likelihood - fit.log_likelihood.max())
            evidence += [math.log(_near(fit.octaves, at) @ likelihood) for at in SPREADS]
    return float(SPREADS[int(np.argmax(evidence))])


def _near(octaves: Floats, spread_octaves: float) -> Floats:
    """Prior of the rates of runs that train at the rate they should."""
    density = np.exp(-0.5 * (octaves / spread_octaves) ** 2)
    return np.asarray(density / density.sum(), float)


def _fit(
    curves: PredictedCurves,
    exposures: Floats,
    log_losses: Floats,
    log2_rate: float,
    noise_ratio: float,
) -> _Fit:
    """Log likelihood of every rate, given in octaves over `log2_rate`."""
    reach = WRONG_OCTAVES[1]
    steps = round(reach / _STEP_OCTAVES)
    octaves = np.linspace(-reach, reach, 2 * steps + 1)
    found = []
    variance = _variance(curves, exposures, log_losses, log2_rate, noise_ratio)
    weights = min(1.0, MOST_INDEPENDENT / len(log_losses)) / variance
    total = float(weights.sum())
    for at in octaves:
        excess = log_losses - curves.log_losses(exposures, log2_rate + float(at))
        offset = float(weights @ excess)
        found.append(-0.5 * (float(weights @ excess**2) - offset**2 / (total + OFFSET**-2)))
    return _Fit(np.asarray(octaves, float), np.array(found))


def _variance(
    curves: PredictedCurves,
    exposures: Floats,
    log_losses: Floats,
    log2_rate: float,
    noise_ratio: float,
) -> Floats:
    """Variance of each log loss around the curve of its rate: its batch's and the curve's own.

    It is the same for every rate, so that no rate is the likelier for losses that are less noisy.
    The batch's is estimated from the run's own losses, and from the curves' runs if these are few.
    """
    of_curves = curves.noise(exposures, log2_rate)
    squares, seen = bends(log_losses)
    prior = (noise_ratio * of_curves) ** 2
    own = (running_sum(squares) + PRIOR_LOSSES * prior) / (running_sum(seen) + PRIOR_LOSSES)
    variance = np.maximum(own, LEAST_NOISE**2) + curves.repeats(exposures) * of_curves**2
    return np.asarray(variance, float)
