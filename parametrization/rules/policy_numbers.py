"""Numbers of the policies that are not tables of their own: decay, embeddings, epsilon, SOAP."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.shapes.roles import Role


class WeightDecayRule(StrEnum):
    WD_A = "wd-a"  # rate times decay constant in width and depth
    WD_B = "wd-b"  # the coupled decay itself constant
    WD_C = "wd-c"  # rate times decay of matrices as m^-1/2, none elsewhere
    WD_D = "wd-d"  # rate times decay as 1/m


class VectorDecayRule(StrEnum):
    DECAYED = "decayed"  # gains and biases decay as matrices do
    EXEMPT = "exempt"  # tensors without a fan-in do not decay


class EmbeddingRateRule(StrEnum):
    CONSTANT = "constant"
    SQRT = "sqrt"  # 1/sqrt(m) of the width rule's rate


class EpsilonRule(StrEnum):
    GRADIENT = "gradient"  # scaled like the gradient, on every tensor
    MATRICES = "matrices"  # scaled on hidden matrices alone
    CONSTANT = "constant"  # never scaled


class SoapWidthRule(StrEnum):
    EMPIRICAL = "empirical"  # 1/sqrt(m) of the published rate
    QIU = "qiu"  # as published: sqrt(m_out/m_in)


class FixedKvInitRule(StrEnum):
    FAN_IN = "fan-in"  # 1/sqrt(fan_in): keys and values start at a size free of width
    MUP = "mup"  # 1/fan_in: they start small, as every internal map to a fixed width


class WeightDecayRow(NamedTuple):
    """Rate times decay over that at the base: exponents of m, None for no decay at all.

    `compensated` is False where nothing undoes what the rate does to the coupled decay.
    """

    compensated: bool
    matrices: float
    others: float | None


WEIGHT_DECAY_ROWS: Final[Mapping[WeightDecayRule, WeightDecayRow]] = {
    WeightDecayRule.WD_A: WeightDecayRow(True, 0.0, 0.0),
    WeightDecayRule.WD_B: WeightDecayRow(False, 0.0, 0.0),
    WeightDecayRule.WD_C: WeightDecayRow(True, -0.5, None),
    WeightDecayRule.WD_D: WeightDecayRow(True, -1.0, -1.0),
}
MATRICES: Final = frozenset({Role.HIDDEN, Role.FIXED_BOTTLENECK, Role.GQA_KV})
"""Roles that weight decay policies call matrices, and `EpsilonRule.MATRICES` scales."""

EMBEDDING_RATE_EXPONENT: Final[Mapping[EmbeddingRateRule, float]] = {
    EmbeddingRateRule.CONSTANT: 0.0,
    EmbeddingRateRule.SQRT: -0.5,
}
FIXED_KV_INIT_EXPONENT: Final[Mapping[FixedKvInitRule, float]] = {
    FixedKvInitRule.FAN_IN: -0.5,
    FixedKvInitRule.MUP: -1.0,
}
