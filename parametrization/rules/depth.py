"""Depth rules: factors on residual branches and on the tensors inside them.

mL is the number of residual blocks over that at the base depth, attention and feed-forward
branches counted alike in both. With branches times mL ** -alpha, gradients inside them shrink by
mL ** -alpha and each of L blocks may move the stream by mL ** (alpha - 1): hence the rate's
exponent alpha (1 + p) - 1 for an update of degree p. Tensors outside blocks keep their numbers.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.rules.row import Evidence


class DepthRule(StrEnum):
    NONE = "none"
    DEPTH_MUP = "depth-mup"  # alpha = 1/2
    COMPLETEP = "completep"  # alpha from 1/2 to 1; 1 is the rule as published


class DepthRow(NamedTuple):
    """Exponents of mL inside blocks: `at_zero + of_alpha * alpha`, for one degree of the update."""

    rate_at_zero: float
    rate_of_alpha: float
    gradient_of_alpha: float  # of the gradient, hence of epsilon per power of the gradient in it
    evidence: Evidence


_COMPLETEP: Final = "Dey et al. 2025, arXiv:2505.01618, Table 1"
_DEPTH_MUP: Final = "Yang et al. 2023 (TP VI), arXiv:2310.02244"

# fmt: off
DEPTH_ROWS: Final[Mapping[DepthRule, Mapping[int, DepthRow]]] = {
    DepthRule.NONE: {
        degree: DepthRow(0.0, 0.0, 0.0, Evidence("none", "nothing changes with depth", "", ""))
        for degree in (-1, 0, 1)
    },
    DepthRule.DEPTH_MUP: {
        -1: DepthRow(-1.0, 0.0, -1.0, Evidence("Depth-muP", "derived by degree", "D", "L")),
        0:  DepthRow(-1.0, 1.0, -1.0, Evidence("Depth-muP", _DEPTH_MUP, "TE", "M",
                "drifts where a block is more than one layer deep")),
        1:  DepthRow(-1.0, 2.0, -1.0, Evidence("Depth-muP", _DEPTH_MUP, "TE", "M",
                "drifts where a block is more than one layer deep")),
    },
    DepthRule.COMPLETEP: {
        -1: DepthRow(-1.0, 0.0, -1.0, Evidence("CompleteP", "derived by degree", "DV", "M",
                "Shampoo 1/2 measured, K-FAC and EKFAC derived alone")),
        0:  DepthRow(-1.0, 1.0, -1.0, Evidence("CompleteP", _COMPLETEP, "TEV", "H",
                "AdamW published; Muon, Lion and others by the same degree")),
        1:  DepthRow(-1.0, 2.0, -1.0, Evidence("CompleteP", "derived by degree", "DV", "M",
                "without the factor mL the slope was -0.97")),
    },
}
# fmt: on
ALPHA_OF_DEPTH_MUP: Final = 0.5


def residual_multiplier(rule: DepthRule, alpha: float, depth_mult: float) -> float:
    """Factor on every residual branch, for all optimizers.

    >>> residual_multiplier(DepthRule.COMPLETEP, 1.0, depth_mult=4)
    0.25
    """
    return float(depth_mult ** -effective_alpha(rule, alpha))


def effective_alpha(rule: DepthRule, alpha: float) -> float:
    """The exponent that a rule uses; `alpha` is CompleteP's alone."""
    return {DepthRule.NONE: 0.0, DepthRule.DEPTH_MUP: ALPHA_OF_DEPTH_MUP}.get(rule, alpha)


def depth_row(rule: DepthRule, degree: float) -> DepthRow:
    """The row of a degree; one that no table has follows the same formula, with less confidence.

    >>> depth_row(DepthRule.COMPLETEP, 0.5).rate_of_alpha
    1.5
    """
    if degree in (-1, 0, 1):
        return DEPTH_ROWS[rule][int(degree)]
    if rule is DepthRule.NONE:
        return DEPTH_ROWS[rule][0]
    derived = Evidence("derived by degree", "derived by degree", "D", "L")
    return DepthRow(-1.0, 1.0 + degree, -1.0, derived)


def rate_factor(rule: DepthRule, alpha: float, degree: float, depth_mult: float) -> float:
    """Factor on the rate of a tensor inside a block, for an update of `degree`."""
    row = depth_row(rule, degree)
    exponent = row.rate_at_zero + row.rate_of_alpha * effective_alpha(rule, alpha)
    return float(depth_mult**exponent)


def gradient_factor(rule: DepthRule, alpha: float, depth_mult: float) -> float:
    """Growth of the gradient of a tensor inside a block."""
    exponent = DEPTH_ROWS[rule][0].gradient_of_alpha * effective_alpha(rule, alpha)
    return float(depth_mult**exponent)
