"""Batch and token rules: factors on rates, decays, epsilons and memories, per optimizer.

kB is the batch and kD the number of tokens over those at the base; updates grow by kD / kB. A
factor is kB ** batch * kD ** tokens. A memory is 1 minus a beta.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.optimizers.names import Optimizer
from parametrization.rules.row import Evidence


class HorizonRule(StrEnum):
    NONE = "none"
    COMPLETE_D = "complete-d"
    COMPLETE_D_BATCH_EPSILON = "complete-d-batch-epsilon"  # epsilon by the batch alone
    SDE_SQRT = "sde-sqrt"
    LINEAR = "linear"
    POWER_LINES = "power-lines"


class Powers(NamedTuple):
    batch: float = 0.0
    tokens: float = 0.0

    def of(self, batch_mult: float, token_mult: float) -> float:
        """The factor kB ** batch * kD ** tokens."""
        return float(batch_mult**self.batch * token_mult**self.tokens)


class HorizonRow(NamedTuple):
    """One optimizer under one rule.

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

_COMPLETE_D: Final = Evidence(
    "Complete(d)P Table 1", "Complete(d)P 2025, arXiv:2512.22382, Table 1", "E", "M"
)
_BORROWED: Final = Evidence(
    "Complete(d)P Table 1", "Adam's row of arXiv:2512.22382, untested here", "D", "L"
)
_SDE: Final = Evidence("Malladi et al.", "Malladi et al. 2022, arXiv:2205.10287", "TE", "M")
_LINEAR: Final = Evidence(
    "linear scaling",
    "Goyal et al. 2017, arXiv:1706.02677",
    "E",
    "M",
    "breaks near the critical batch",
)
_POWER_LINES: Final = Evidence(
    "Power Lines", "Power Lines 2025, arXiv:2505.13738", "E", "L", "at equal tokens per parameter"
)

_NO: Final = Powers()
_ROOT: Final = Powers(0.5, -0.5)
_UNROOT: Final = Powers(-0.5, 0.5)
_RATIO: Final = Powers(1.0, -1.0)
_BETAS: Final = ("beta1", "beta2")
_MOMENTUM: Final = ("momentum",)
_MUONS: Final = (
    Optimizer.MUON_SPECTRAL,
    Optimizer.MUON_ORIGINAL,
    Optimizer.MUON_MATCH_RMS_ADAMW,
    Optimizer.MUON_BARE,
)
_SGDS: Final = (Optimizer.SGD, Optimizer.SGD_MOMENTUM, Optimizer.SGD_NESTEROV)

# fmt: off
_COMPLETE: Final = {
    #                                   rate   decay  epsilon  memory
    Optimizer.ADAM:          HorizonRow(_ROOT, _NO,   _UNROOT, _RATIO, _BETAS, True, _COMPLETE_D),
    Optimizer.ADAMW:         HorizonRow(_ROOT, _ROOT, _UNROOT, _RATIO, _BETAS, True, _COMPLETE_D),
    Optimizer.LION:          HorizonRow(_ROOT, _ROOT, _NO,     _RATIO, _BETAS, True, _BORROWED),
    **{muon:                 HorizonRow(_ROOT, _ROOT, _UNROOT, _RATIO, _MOMENTUM, True, _BORROWED)
       for muon in _MUONS},
}
_HALF: Final = Powers(0.5)
_MINUS_HALF: Final = Powers(-0.5)
_ONE: Final = Powers(1.0)
HORIZON_ROWS: Final[Mapping[HorizonRule, Mapping[Optimizer, HorizonRow]]] = {
    HorizonRule.NONE: {
        optimizer: HorizonRow(_NO, _NO, _NO, _NO, (), True, Evidence("none", "unchanged", "", ""))
        for optimizer in Optimizer
    },
    HorizonRule.COMPLETE_D: _COMPLETE,
    HorizonRule.COMPLETE_D_BATCH_EPSILON: {
        optimizer: row._replace(
            epsilon=Powers(row.epsilon.batch),
            evidence=row.evidence.graded("D", "L", "gradient noise shrinks with the batch alone"))
        for optimizer, row in _COMPLETE.items()
    },
    HorizonRule.SDE_SQRT: {
        #                               rate   decay  epsilon      memory
        Optimizer.ADAM:      HorizonRow(_HALF, _NO,   _MINUS_HALF, _ONE, _BETAS, False, _SDE),
        Optimizer.ADAMW:     HorizonRow(_HALF, _HALF, _MINUS_HALF, _ONE, _BETAS, False, _SDE),
        Optimizer.RMSPROP:   HorizonRow(_HALF, _NO,   _MINUS_HALF, _ONE, ("beta2",), False, _SDE),
    },
    HorizonRule.LINEAR: {
        sgd:                 HorizonRow(_ONE,  _NO,   _NO,         _NO,  (), False, _LINEAR)
        for sgd in _SGDS
    },
    HorizonRule.POWER_LINES: {
        Optimizer.ADAMW:     HorizonRow(_NO,   _ONE,  _NO,         _NO,  (), False, _POWER_LINES),
    },
}
# fmt: on


def horizon_row(
    rule: HorizonRule, optimizer: Optimizer, batch_mult: float, token_mult: float
) -> HorizonRow:
    """The row of an optimizer.

    Raises:
        ValueError: if the rule says nothing of this optimizer, or holds tokens still and they
            are not.

    """
    if batch_mult == token_mult == 1:
        return HORIZON_ROWS[HorizonRule.NONE][optimizer]
    row = HORIZON_ROWS[rule].get(optimizer)
    if row is None:
        raise ValueError(
            f"horizon_rule {rule} has no row for {optimizer}: {_remedy(optimizer)}, or keep batch"
            f" and tokens (got batch_mult={batch_mult:g}, token_mult={token_mult:g})"
        )
    if not row.covers_tokens and token_mult != 1:
        raise ValueError(
            f"horizon_rule {rule} holds the number of tokens still, got token_mult={token_mult:g}:"
            f" keep it at 1, or use complete-d where it has a row for {optimizer}"
        )
    return row


def _remedy(optimizer: Optimizer) -> str:
    known = [
        rule.value
        for rule, rows in HORIZON_ROWS.items()
        if rule is not HorizonRule.NONE and optimizer in rows
    ]
    if known:
        return f"use {' or '.join(known)}"
    return "no published rule covers it; retune its rate at the target's batch and tokens"


def memory_name(name: str, ratio: float) -> str:
    """What of a beta is multiplied by `ratio`: see `scaled_memory`.

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
