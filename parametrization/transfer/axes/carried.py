"""Carry a learning rate along depth, batch and tokens by the laws that a sweep measured.

Rates are log2(learning rate) at the base, distances on that axis are octaves.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from parametrization.recommendation.axes import AxesEvidence, AxisLaw, CellOptimum
from parametrization.recommendation.evidence import Optimum
from parametrization.scaling.growth import AxisName
from parametrization.transfer.axes.depth_law import DepthLaw, SeenDepth
from parametrization.transfer.axes.horizon_law import (
    KNOWN_KNEE_DOUBLINGS,
    HorizonLaw,
    Normal,
    Seen,
)
from parametrization.transfer.law import SEARCH_OCTAVES

LEAST_VALUES: Final = 3
"""Values of an axis with a measured optimum that a law is fitted to; with fewer there is none."""
MEASURABLE: Final[tuple[AxisName, ...]] = ("depth", "batch", "tokens")


class Place(NamedTuple):
    """Depth, batch and tokens of a model's training."""

    depth: int
    batch_size: int
    tokens: int

    def along(self, name: AxisName) -> int:
        """Value of the named axis."""
        return {"depth": self.depth, "batch": self.batch_size, "tokens": self.tokens}[name]


class Carried(NamedTuple):
    """Move of the best base rate from the proxies to a target, before the rules multiply it."""

    octaves: float
    """log2 of the base rate that is best for the target, over the proxies' best one."""
    error_octaves: float
    """Standard deviation of the move."""


def axes_evidence(
    width: int, base: Place, cells: Iterable[CellOptimum], *, depth_by_rule: bool = True
) -> AxesEvidence:
    """Optima of a sweep, with the law of every axis that it measured.

    Args:
        width: of its trials.
        base: depth, batch and tokens of the proxies.
        cells: optima of the sweep, and that of the proxies if it is measured.
        depth_by_rule: True if a rule of depth was in force in them.

    """
    listed = tuple(sorted(cells, key=lambda cell: (cell.depth, cell.batch_size, cell.tokens)))
    values = {name: _values(listed, base, name) for name in MEASURABLE}
    measured = [name for name in MEASURABLE if len(values[name]) >= LEAST_VALUES]
    horizon = HorizonLaw(_seen(listed, base))
    depth = DepthLaw(_seen_depths(listed, base), by_rule=depth_by_rule)
    exponents = {
        "depth": depth.slope,
        "batch": horizon.exponent(0.0, 0.0, along="batch"),
        "tokens": horizon.exponent(0.0, 0.0, along="tokens"),
    }
    knee = horizon.knee
    shows_knee = "batch" in measured and knee.deviation <= KNOWN_KNEE_DOUBLINGS
    return AxesEvidence(
        width=width,
        base=base,
        cells=listed,
        depth_by_rule=depth_by_rule,
        laws=tuple(_law(name, exponents[name], values[name]) for name in measured),
        critical_batch=base.batch_size * 2.0**knee.mean if shows_knee else None,
    )


def carried(
    evidence: AxesEvidence, target: Place, rule_octaves: Mapping[AxisName, float]
) -> Carried:
    """Move of the best base rate from the proxies to a target, along the measured axes alone.

    Args:
        rule_octaves: log2 of the factor that the rules multiply the target's rate by, by axis; it
            is subtracted, as the rules carry it already.

    """
    base, measured = Place(*evidence.base), {law.name for law in evidence.laws}
    batch, tokens, doublings = (
        math.log2(target.along(name) / base.along(name)) if name in measured else 0.0
        for name in ("batch", "tokens", "depth")
    )
    along_horizon = HorizonLaw(_seen(evidence.cells, base)).move(batch, tokens)
    seen_depths = _seen_depths(evidence.cells, base)
    along_depth = DepthLaw(seen_depths, by_rule=evidence.depth_by_rule).move(doublings)
    by_rule = math.fsum(rule_octaves[name] for name in measured if name != "depth")
    return Carried(
        along_horizon.mean - by_rule + along_depth.mean,
        math.hypot(along_horizon.deviation, along_depth.deviation),
    )


def beyond(law: AxisLaw, value: int) -> float:
    """Factor by which a value lies outside of the measured ones; 1 within them."""
    return max(value / law.values[-1], law.values[0] / value, 1.0)


def expected_octaves(batch: float, tokens: float) -> float:
    """Octaves by which the best rate is expected above the base's before anything is measured.

    Args:
        batch: log2 of the batch over the base's.
        tokens: log2 of the tokens over the base's.

    """
    return HorizonLaw(()).move(batch, tokens).mean


def _law(name: AxisName, exponent: Normal, values: Sequence[int]) -> AxisLaw:
    return AxisLaw(
        name=name,
        exponent=exponent.mean,
        standard_error=exponent.deviation,
        values=tuple(values),
    )


def _values(cells: Iterable[CellOptimum], base: Place, name: AxisName) -> list[int]:
    """Values of one axis with a measured optimum; depths at the proxies' batch and tokens alone."""
    at_base = [cell for cell in cells if cell.optimum.status == "measured"]
    if name == "depth":
        return sorted({cell.depth for cell in at_base if _place(cell)[1:] == base[1:]})
    same_depth = [cell for cell in at_base if cell.depth == base.depth]
    return sorted({_place(cell).along(name) for cell in same_depth})


def _seen(cells: Iterable[CellOptimum], base: Place) -> list[Seen]:
    return [
        Seen(
            math.log2(cell.batch_size / base.batch_size),
            math.log2(cell.tokens / base.tokens),
            _rate(cell.optimum) + cell.rule_octaves,
            _error(cell.optimum),
        )
        for cell in cells
        if cell.optimum.status == "measured" and cell.depth == base.depth
    ]


def _seen_depths(cells: Iterable[CellOptimum], base: Place) -> list[SeenDepth]:
    return [
        SeenDepth(math.log2(cell.depth / base.depth), _rate(cell.optimum), _error(cell.optimum))
        for cell in cells
        if cell.optimum.status == "measured" and _place(cell)[1:] == base[1:]
    ]


def _place(cell: CellOptimum) -> Place:
    return Place(cell.depth, cell.batch_size, cell.tokens)


def _rate(optimum: Optimum) -> float:
    assert optimum.log2_learning_rate is not None, "it is measured"
    return optimum.log2_learning_rate


def _error(optimum: Optimum) -> float:
    """Standard error of a fit in octaves, raised for one seed, whose trials understate it."""
    error = optimum.standard_error_octaves or 0.0
    return max(error, SEARCH_OCTAVES) if optimum.seeds == 1 else error
