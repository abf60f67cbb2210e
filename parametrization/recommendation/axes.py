"""Records of the best learning rate's movement with depth, batch and tokens in trials."""

from parametrization.recommendation.evidence import Optimum
from parametrization.recommendation.record import Record
from parametrization.scaling.growth import AxisName


class CellOptimum(Record):
    """The optimum of one depth, batch and duration, at the proxy width."""

    depth: int
    batch_size: int
    tokens: int
    """Seen in all of training."""
    rule_octaves: float
    """log2 of what the rules in force make of the rate there, over the base's. `optimum` is given
    before it, at the base: it is the same in every cell where the rules are right."""
    optimum: Optimum


class AxisLaw(Record):
    """The power of the best rate along one axis at the proxies, as fitted to all cells together."""

    name: AxisName
    exponent: float
    """The best rate goes like the axis to this power, the rules' own factors included."""
    standard_error: float
    values: tuple[int, ...]
    """With a measured optimum, ascending."""


class AxesEvidence(Record):
    """The results of the sweep over axes other than width, for one optimizer."""

    width: int
    """Of its trials: the proxies'."""
    base: tuple[int, int, int]
    """Depth, batch and tokens of the proxies."""
    cells: tuple[CellOptimum, ...]
    """By depth, batch and tokens; the proxies' own among them."""
    laws: tuple[AxisLaw, ...]
    """Of every axis with three values whose optimum is measured: these are carried by what was
    measured, others by rules."""
    depth_by_rule: bool = True
    """True if a rule of depth was in force in the cells."""
    critical_batch: float | None = None
    """Batch beyond which the best rate grows slowly, at the proxies' tokens; None where the cells
    do not show one."""
