"""How the best learning rate moved with width, as trials measured it."""

from statistics import NormalDist
from typing import Final, Literal

from parametrization.recommendation.optimizer_name import OptimizerName
from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization

CONFIDENCE: Final = 0.9
"""Level of every interval."""
Z90: Final = round(NormalDist().inv_cdf((1 + CONFIDENCE) / 2), 4)
"""Half width of a normal distribution's interval of that level, in standard deviations.

Four digits: with more, the answers of stored studies would move in their last digits.
"""

Edge = Literal["low", "high"]


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


class WidthOptimum(Record):
    """The optimum of one width."""

    width: int
    optimum: Optimum


class Drift(Record):
    """How far the best log2(learning rate) moves per doubling of width."""

    octaves_per_doubling: float
    low_octaves_per_doubling: float
    high_octaves_per_doubling: float
    """End of the 90 % interval."""
    widths: int
    """Widths whose optimum is measured."""
    prior_octaves: float | None
    """Standard deviation of the prior around zero that the drift is shrunk with; None: no prior."""


class Regret(Record):
    """What reusing a learning rate costs at the widest measured width."""

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
    """How often the wider of two neighbouring widths has the lower loss at the same rate."""

    share: float
    """Between 0 and 1."""
    pairs: int
    """Pairs of a rate and two neighbouring widths that were compared."""


class TransferEvidence(Record):
    """How the optimum of one optimizer moves with width under one parametrization."""

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
    """What the proxy's optimum costs at the widest width."""
    regrets: tuple[Regret, ...]
    """What every narrower width's optimum costs at the widest width, narrowest first."""
    leave_widest_out: Regret | None
    """What the rate that the narrower widths predict for the widest one costs there."""
    wider_is_better: WiderIsBetter | None


class OptimizerStanding(Record):
    """One optimizer of a study that names several, after tuning."""

    optimizer: OptimizerName
    width: int
    """The widest width that every optimizer of the study is measured at."""
    loss: float
    """At the optimizer's own best rate there."""
    log2_learning_rate: float
    """That rate, at the base width."""
    excess_percent: float
    """Loss over the best optimizer's; 0 for the best one."""
    best_learning_rate: float | None = None
    """Of the rates tried there, at the base width, the one with the lowest mean loss over as many
    seeds as any; None in answers of releases that did not say."""
    best_trials: tuple[int, ...] = ()
    """Numbers of its trials, one a seed."""
