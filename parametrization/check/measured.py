"""Define the records of a coordinate check's verdict, and what was measured for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from parametrization.check.slopes import activation_kind
from parametrization.check.thresholds import Judged
from parametrization.check.words import Statistic
from parametrization.shapes.like_tensors import TensorFamily
from parametrization.shapes.roles import Role


@dataclass(frozen=True, slots=True)
class TensorVerdict:
    """One tensor, or the like tensors of all blocks (`blocks.*.attn.out.weight`).

    Attributes:
        update_slope: of D, less what the policies say; 0 under a right rule. None if nothing moved.
        update_interval: 95 % bootstrap interval over seeds.
        propagation_slope: of P; None for tensors that multiply no activations.
        threshold: largest |update_slope| that passes.
        passed: None if inconclusive.
        initial_slope: of the initial size, less what the rule says; None if it was not measured.

    """

    tensor: str
    role: Role
    update_slope: float | None
    update_interval: tuple[float, float] | None
    propagation_slope: float | None
    threshold: float
    passed: bool | None
    words: str
    initial_slope: float | None = None


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """`passed` is None while the check is inconclusive."""

    passed: bool | None
    summary: str
    tensors: tuple[TensorVerdict, ...]


class Measured(NamedTuple):
    """All slopes of one family of tensors; those that are not defined are left out.

    Attributes:
        still: its tensors that never moved, though the probe used them.
        unused: its tensors that no probe used.

    """

    family: TensorFamily
    judged: tuple[Judged, ...]
    threshold: float
    still: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def of(self, statistic: Statistic) -> Judged | None:
        """The slope of one statistic."""
        return next((j for j in self.judged if j.statistic is statistic), None)

    @property
    def is_activation(self) -> bool:
        """True for attention's logits and outputs of blocks, which are no tensor's."""
        return activation_kind(self.family.name) is not None

    @property
    def passed(self) -> bool | None:
        """A failure decides, then doubt; a tensor that did not move is in doubt."""
        decided = all_passed(j.passed for j in self.judged)
        moved = self.of(Statistic.UPDATE) is not None and not self.still and not self.unused
        return decided if moved or self.is_activation or decided is False else None


def decisive(one: Measured) -> Judged | None:
    """Failures before doubts, and the update before its effects."""
    return min(one.judged, key=lambda j: (False, None, True).index(j.passed), default=None)


def all_passed(passed: Iterable[bool | None]) -> bool | None:
    """False if any is False, else None if any is None, else True."""
    seen = set(passed)
    return False if False in seen else None if None in seen else True
