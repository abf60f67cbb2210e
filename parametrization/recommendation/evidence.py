"""Records of how the best learning rate moved with width, as trials measured it."""

from statistics import NormalDist
from typing import Final, Literal

from parametrization.recommendation.declared_names import OptimizerName
from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization

CONFIDENCE: Final = 0.9
"""Level of every interval."""
Z90: Final = round(NormalDist().inv_cdf((1 + CONFIDENCE) / 2), 4)
"""Half width of a normal distribution's interval of that level, in standard deviations.

Four digits: with more, the answers of stored studies would move in their last digits.
"""

Edge = Literal["low", "high"]


class RateLoss(Record):
    """The loss at one rate."""

    log2_learning_rate: float
    loss: float
    """Over seeds."""


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
    standard_error_octaves: float | None = None
    """By the middle half of the replicates, whose few strays make the ends of the interval; None
    unless measured, and in answers of releases that did not say."""
    edge: Edge | None = None
    """The side on which the grid ends before the loss rises again."""
    loss: float | None = None
    """Loss at the optimum, by the fit if measured."""
    curvature: float | None = None
    """Relative loss excess one octave away from the optimum; None unless measured."""
    wall_log2_learning_rate: float | None = None
    """The slowest rate past the optimum at which training grows unstable; None if none was tried,
    and unless measured."""
    slow_side: tuple[RateLoss, ...] = ()
    """Rates up to the best one that was tried, ascending; none of a search's single trials."""
    trials: int
    """Finite losses that entered."""
    rates: int
    """Different learning rates among them."""
    seeds: int | None = None
    """Different seeds among them; None where that is not known."""


class NoiseFloor(Record):
    """Noise of a user's own trainer: one trial, trained twice with one seed."""

    trial: int
    """The best of the search."""
    repeated_by: int
    """The same trial once more."""
    losses: tuple[float | None, float | None]
    """Of both; None where it diverged."""
    spread_percent: float | None
    """Their difference over their mean; None if one of them diverged."""


class WidthOptimum(Record):
    """The optimum of one width."""

    width: int
    optimum: Optimum


class Drift(Record):
    """Movement of the best log2(learning rate) per doubling of width, by the optima alone."""

    octaves_per_doubling: float
    low_octaves_per_doubling: float
    high_octaves_per_doubling: float
    """End of the 90 % interval."""
    widths: int
    """Widths whose optimum is measured."""
    standard_error_octaves: float | None = None
    """Of the octaves per doubling, by the optima's own errors and their scatter. None in answers of
    releases that shrank the drift."""
    fit_error_octaves: float | None = None
    """Root mean square of the optima's distances from the line, which is a power law of the width.
    """


class Quantile(Record):
    """One point of a predictive distribution."""

    probability: float
    """Probability that the optimum is no larger."""
    log2_learning_rate: float


class Prediction(Record):
    """The optimum expected at one width, in log2(learning rate) at the base width.

    The distribution of a measured width is two halves of normal ones that meet at its median, for a
    lopsided curve knows its optimum better on one side. Any other width's is a normal one: which
    side of a narrower width's optimum is the surer was seen to say nothing of the target's.
    """

    width: int
    log2_learning_rate: float
    """The median."""
    low_log2_learning_rate: float
    high_log2_learning_rate: float
    """End of the 90 % interval; it carries the search's error and the drift's."""
    quantiles: tuple[Quantile, ...]
    """Of the predictive distribution, ascending; the ends of the interval are among them."""
    standard_error_octaves: float
    """Root mean square of both sides' standard deviations."""
    doublings_beyond: float
    """Doublings from the nearest measured width to this one; 0 inside the measured range."""
    drift_octaves: float
    """Median less the nearest measured optimum; 0 inside the measured range."""


class Regret(Record):
    """Cost of reusing a learning rate at the widest measured width."""

    from_width: int
    """The width whose optimum is reused; for a prediction, the widest one that it knew."""
    at_width: int
    """The widest width with an optimum, where the loss is compared."""
    log2_learning_rate: float
    """The rate that is reused."""
    regret_percent: float | None
    """Loss excess over the widest width's own optimum; None where training diverges there."""
    at_least: bool = False
    """The rate lies outside the widest width's grid, whose end is taken instead."""


class WiderIsBetter(Record):
    """Share of rates at which the wider of two neighbouring widths has the lower loss."""

    share: float
    """Between 0 and 1."""
    pairs: int
    """Pairs of a rate and two neighbouring widths that were compared."""


class Robustness(Record):
    """Change of the cost of a wrong learning rate with width.

    After the robustness exponent of Kalra & Barkeshli 2026, arXiv:2605.21486.
    """

    exponent: float
    """Power of the width that the excess of log loss an octave from the optimum follows; where it
    is negative, a wide model forgives more than a narrow one."""
    standard_error: float | None
    """By the distances from that power law; None with two widths, which have none."""
    widths: int
    """Widths whose optimum and curvature are measured."""


class AsymptoticPenalty(Record):
    """Loss of a parametrization at its own best rate, as width grows, compared with muP.

    After the asymptotic penalty of Kalra & Barkeshli 2026, arXiv:2605.21486.
    """

    percent: float
    """Loss over muP's, carried to infinite width by a line in 1/width."""
    at_width: int
    """The widest width where both are measured."""
    percent_at_width: float
    """The same there, as measured."""
    widths: int
    """Widths where both are measured."""


class TransferEvidence(Record):
    """Movement of one optimizer's optimum with width, under one parametrization."""

    optimizer: OptimizerName
    parametrization: Parametrization
    proxy_width: int
    optima: tuple[WidthOptimum, ...]
    """Narrowest first; every width with trials."""
    drift: Drift | None
    """None until two widths are measured."""
    shift_octaves: float | None
    """Optimum of the widest width less the proxy's; None unless both are measured."""
    shift_doublings: float | None
    """Doublings of width between the two."""
    proxy_regret: Regret | None
    """Cost of the proxy's optimum at the widest width."""
    regrets: tuple[Regret, ...]
    """Cost of every narrower width's optimum at the widest width, narrowest first."""
    leave_widest_out: Regret | None
    """Cost at the widest width of the rate that the narrower widths predict for it."""
    wider_is_better: WiderIsBetter | None
    at_target: Prediction | None = None
    """The optimum expected at the width of the study's target."""
    robustness: Robustness | None = None
    """None until two widths are measured."""
    asymptotic_penalty: AsymptoticPenalty | None = None
    """Of the control alone; None until three widths are measured under it and under muP."""


class OptimizerStanding(Record):
    """One optimizer of a study that names several, after tuning."""

    optimizer: OptimizerName
    width: int
    """The widest width that every optimizer of the study is measured at."""
    loss: float
    """At the optimizer's own best rate there."""
    log2_learning_rate: float
    """The best rate, at the base width."""
    excess_percent: float
    """Loss over the best optimizer's; 0 for the best one."""
    best_learning_rate: float | None = None
    """Of the rates tried there, at the base width, the one with the lowest mean loss over as many
    seeds as any; None in answers of releases that did not say."""
    best_trials: tuple[int, ...] = ()
    """Numbers of its trials, one a seed."""
