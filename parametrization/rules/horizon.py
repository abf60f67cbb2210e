"""Batch and token rules: factors on rates, decays, epsilons and memories of one optimizer.

kB is the batch and kD the number of tokens over those at the base; updates grow by kD / kB. A
factor is kB ** batch * kD ** tokens. A memory is 1 minus a beta.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.rules.row import Evidence


class HorizonRule(StrEnum):
    NONE = "none"
    COMPLETE_D = "complete-d"
    COMPLETE_D_BATCH_EPSILON = "complete-d-batch-epsilon"  # epsilon by the batch alone
    SDE_SQRT = "sde-sqrt"
    LINEAR = "linear"
    POWER_LINES = "power-lines"
    LMO = "lmo"


class Powers(NamedTuple):
    batch: float = 0.0
    tokens: float = 0.0

    def of(self, batch_mult: float, token_mult: float) -> float:
        """The factor kB ** batch * kD ** tokens."""
        return float(batch_mult**self.batch * token_mult**self.tokens)


class HorizonRow(NamedTuple):
    """One optimizer under one rule; the optimizer's declaration holds it.

    Attributes:
        epsilon: per power of the gradient in it.
        remembers: the hyperparameters b whose 1 - b is multiplied by `memory`.
        covers_tokens: False where the rule holds the number of tokens still.

    """

    rate: Powers
    weight_decay: Powers
    epsilon: Powers
    memory: Powers
    remembers: tuple[str, ...]
    covers_tokens: bool
    evidence: Evidence


MEMORY_RANGE: Final = (1 / 8, 4.0)
"""Ratios of 1 - beta that were tested; beyond, beta ** ratio is taken and marked extrapolated."""

TESTED_BATCH: Final[Mapping[HorizonRule, tuple[float, float]]] = dict.fromkeys(
    (HorizonRule.COMPLETE_D, HorizonRule.COMPLETE_D_BATCH_EPSILON), (1 / 8, 4.0)
)
"""Batches over the base's that the source of a rule tried; rules without one are not listed."""

PUBLISHED_TOKEN_EXPONENTS: Final[Mapping[str, float]] = {
    "marin-community/marin, sweeps of AdamH": -0.28,
    "HyperP, Muon": -0.32,
    "Zhou et al. 2026, arXiv:2601.05049": -0.351,
}
"""Of the best rate in tokens at a fixed batch, as fitted elsewhere for optimizers that COMPLETE_D
covers. No rules: how far they lie apart is what an unmeasured duration is worth."""

BORROWED: Final = Evidence(
    "Complete(d)P Table 1", "Adam's row of arXiv:2512.22382, untested here", "D", "L"
)
SDE: Final = Evidence("Malladi et al.", "Malladi et al. 2022, arXiv:2205.10287", "TE", "M")
LINEAR_SCALING: Final = Evidence(
    "linear scaling",
    "Goyal et al. 2017, arXiv:1706.02677",
    "E",
    "M",
    "breaks near the critical batch",
)
POWER_LINES: Final = Evidence(
    "Power Lines", "Power Lines 2025, arXiv:2505.13738", "E", "L", "at equal tokens per parameter"
)
LMO_BOUND: Final = Evidence(
    "LMO bound",
    "Shulgin et al. 2026, arXiv:2603.15958, the exponent as derived from such a bound by Cesista"
    " 2026, steepest-descent-lean",
    "D",
    "L",
    "at a fixed momentum; the bound knows no weight decay",
)

_NO: Final = Powers()
_ROOT: Final = Powers(0.5, -0.5)
UNCHANGED: Final = HorizonRow(_NO, _NO, _NO, _NO, (), True, Evidence("none", "unchanged", "", ""))


def complete_d_rows(
    evidence: Evidence, *, remembers: tuple[str, ...], decays: bool = True, epsilon: bool = True
) -> dict[HorizonRule, HorizonRow]:
    """Complete(d)P: rate and decay by sqrt(kB / kD), epsilon by its inverse, memories by kB / kD.

    Args:
        decays: whether there is a weight decay.
        epsilon: whether there is an epsilon.

    """
    row = HorizonRow(
        rate=_ROOT,
        weight_decay=_ROOT if decays else _NO,
        epsilon=Powers(-0.5, 0.5) if epsilon else _NO,
        memory=Powers(1.0, -1.0),
        remembers=remembers,
        covers_tokens=True,
        evidence=evidence,
    )
    by_batch_alone = row._replace(
        epsilon=Powers(row.epsilon.batch),
        evidence=evidence.graded("D", "L", "gradient noise shrinks with the batch alone"),
    )
    return {HorizonRule.COMPLETE_D: row, HorizonRule.COMPLETE_D_BATCH_EPSILON: by_batch_alone}


def sde_rows(*, remembers: tuple[str, ...], decays: bool = False) -> dict[HorizonRule, HorizonRow]:
    """Square-root scaling with the batch, of the limit of Adam and RMSProp at equal tokens."""
    half = Powers(0.5)
    decay = half if decays else _NO
    row = HorizonRow(half, decay, Powers(-0.5), Powers(1.0), remembers, False, SDE)
    return {HorizonRule.SDE_SQRT: row}


def linear_rows() -> dict[HorizonRule, HorizonRow]:
    """Linear scaling of SGD's rate with the batch, at equal epochs."""
    return {HorizonRule.LINEAR: HorizonRow(Powers(1.0), _NO, _NO, _NO, (), False, LINEAR_SCALING)}


def power_lines_rows() -> dict[HorizonRule, HorizonRow]:
    """AdamW's weight decay by the batch, at an equal rate."""
    return {HorizonRule.POWER_LINES: HorizonRow(_NO, Powers(1.0), _NO, _NO, (), False, POWER_LINES)}


def lmo_rows(note: str = "") -> dict[HorizonRule, HorizonRow]:
    """A bound on steps of fixed length (signs, orthogonalised matrices): 1 / sqrt(updates).

    The bound is a / (rate * updates) + b * rate + c / sqrt(batch): the batch acts on its floor
    alone, and the best rate follows the number of updates, kD / kB.
    """
    evidence = LMO_BOUND if not note else LMO_BOUND.graded("D", "L", f"{LMO_BOUND.note}; {note}")
    return {HorizonRule.LMO: HorizonRow(_ROOT, _NO, _NO, _NO, (), True, evidence)}


def memory_name(name: str, ratio: float) -> str:
    """Name of the quantity of a beta that `ratio` multiplies: see `scaled_memory`.

    >>> memory_name("beta1", 2.0), memory_name("beta1", 16.0)
    ('1 - beta1', 'log(beta1)')
    """
    low, high = MEMORY_RANGE
    return f"1 - {name}" if low <= ratio <= high else f"log({name})"


class Memory(NamedTuple):
    beta: float
    extrapolated: bool


def scaled_memory(name: str, beta: float, ratio: float) -> Memory:
    """A beta whose 1 - beta is multiplied by `ratio`, within the range where that was tested.

    A beta of 0 stays: an average over the newest value alone has no memory to scale.

    Raises:
        ValueError: if 1 - beta would leave (0, 1): no such average exists.

    >>> scaled_memory("beta1", 0.9, 2.0)
    Memory(beta=0.8, extrapolated=False)
    >>> scaled_memory("beta1", 0.9, 16.0).extrapolated
    True
    """
    if beta == 0 or ratio == 1:
        return Memory(beta, False)
    low, high = MEMORY_RANGE
    extrapolated = not low <= ratio <= high
    scaled = float(beta**ratio) if extrapolated else 1 - (1 - beta) * ratio
    if scaled == 1:
        raise ValueError(
            f"{name}={beta:g} cannot follow batch over tokens of {ratio:g}: 1 - {name} would be too"
            f" small for a number to hold, and an average of {name} 1 never moves; change the"
            " target's batch or tokens"
        )
    if not extrapolated and not 0 < scaled < 1:
        raise ValueError(
            f"{name}={beta:g} cannot follow batch over tokens of {ratio:g}: 1 - {name} would be"
            f" {(1 - beta) * ratio:g}, and it must stay in (0, 1); raise {name} above"
            f" {1 - 1 / ratio:g} at the base, or change the target's batch or tokens"
        )
    return Memory(scaled, extrapolated)
