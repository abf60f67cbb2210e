"""Measure the loss of reusing a narrow width's learning rate at a wide one."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from parametrization.recommendation.evidence import Regret, WiderIsBetter, WidthOptimum
from parametrization.transfer.drift import measured_optima
from parametrization.transfer.grid import mean_loss
from parametrization.transfer.prediction import predict

Losses = Mapping[float, Sequence[float | None]]
"""Loss of every seed, None if diverged, by log2(learning rate)."""

_FIT_REACH_OCTAVES: Final = 1.5
"""Distance from the optimum up to which the fitted quadratic is trusted over the grid's points."""


class _Excess(NamedTuple):
    log: float
    """Natural logarithm of the loss over the optimum's; infinite if training diverges."""
    at_least: bool


def regret_at(
    widest: WidthOptimum, losses: Losses, *, log2_learning_rate: float, from_width: int
) -> Regret | None:
    """Regret of one rate at the widest width; None if its optimum is not measured.

    Near the optimum it is that of the fit, less noisy than single points; farther away it is
    interpolated between the means of the two neighbouring rates, on the logarithm of the loss.
    """
    optimum = widest.optimum
    if optimum.log2_learning_rate is None or optimum.curvature is None or optimum.loss is None:
        return None
    offset = log2_learning_rate - optimum.log2_learning_rate
    if abs(offset) <= _FIT_REACH_OCTAVES:
        excess = _Excess(math.log1p(optimum.curvature) * offset**2, at_least=False)
    else:
        excess = _interpolated(log2_learning_rate, losses, optimum.loss)
    return Regret(
        from_width=from_width,
        at_width=widest.width,
        log2_learning_rate=log2_learning_rate,
        regret_percent=None if math.isinf(excess.log) else 100 * math.expm1(max(0.0, excess.log)),
        at_least=excess.at_least,
    )


def _interpolated(rate: float, losses: Losses, best: float) -> _Excess:
    rates = sorted(at for at, seeds in losses.items() if seeds)
    log_losses = [math.log(mean_loss(losses[at]) / best) for at in rates]
    outside = not rates[0] <= rate <= rates[-1]
    # Next to a diverged rate, whose loss is infinite, the line is infinite too.
    return _Excess(float(np.interp(rate, rates, log_losses)), at_least=outside)


def regrets(optima: Sequence[WidthOptimum], losses_at_widest: Losses) -> tuple[Regret, ...]:
    """Regret at the widest width of every narrower width's optimum, narrowest first."""
    *narrower, widest = sorted(optima, key=lambda at: at.width)
    found = (
        regret_at(
            widest,
            losses_at_widest,
            log2_learning_rate=at.optimum.log2_learning_rate,
            from_width=at.width,
        )
        for at in narrower
        if at.optimum.status == "measured" and at.optimum.log2_learning_rate is not None
    )
    return tuple(regret for regret in found if regret is not None)


def leave_widest_out(optima: Sequence[WidthOptimum], losses_at_widest: Losses) -> Regret | None:
    """Regret at the widest width of the rate that the narrower widths predict for it.

    This is the procedure behind a recommendation, tried where the answer is known. It is no
    measure of the error at the target: over many studies the two hardly correlate.
    """
    *narrower, widest = sorted(optima, key=lambda at: at.width)
    known = measured_optima(narrower)
    prediction = predict(known, widest.width)
    if prediction is None:
        return None
    return regret_at(
        widest,
        losses_at_widest,
        log2_learning_rate=prediction.log2_learning_rate,
        from_width=known[-1].width,
    )


def wider_is_better(losses_by_width: Mapping[int, Losses]) -> WiderIsBetter | None:
    """Compare neighbouring widths at every rate that both were trained at; None without pairs.

    A diverged width loses against one that trains; a rate at which both diverge does not count.
    """
    outcomes = [
        wide < narrow
        for first, second in itertools.pairwise(sorted(losses_by_width))
        for narrow, wide in _paired_means(losses_by_width[first], losses_by_width[second])
        if not (math.isinf(wide) and math.isinf(narrow))
    ]
    if not outcomes:
        return None
    return WiderIsBetter(share=sum(outcomes) / len(outcomes), pairs=len(outcomes))


def _paired_means(narrow: Losses, wide: Losses) -> list[tuple[float, float]]:
    return [
        (mean_loss(narrow[rate]), mean_loss(wide[rate]))
        for rate in sorted(set(narrow) & set(wide))
        if narrow[rate] and wide[rate]
    ]
