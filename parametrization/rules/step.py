"""The degree of an optimizer's step in the gradient, which width rules follow."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DEGREES: Final = (-2.0, 2.0)
"""Degrees beyond these are taken for a mistake."""


class StepKind(StrEnum):
    """The gradient that the length of a step depends on."""

    ENTRIES = "entries"  # every entry's step to that entry's gradient: SGD, Adam
    TENSOR = "tensor"  # the whole step to the gradient's norm or singular values: LARS, Shampoo


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Dependence of a step per unit of learning rate on the gradient.

    Attributes:
        degree: p, such that gradients times c make a step times c ** p once every epsilon is zero.
        kind: irrelevant where the degree is 1.

    """

    degree: float
    kind: StepKind = StepKind.ENTRIES

    def __post_init__(self) -> None:
        """Refuse a degree that no optimizer has."""
        low, high = DEGREES
        if isinstance(self.degree, bool) or not isinstance(self.degree, int | float):
            raise TypeError(f"degree must be a number, got {self.degree!r}")
        if not low <= self.degree <= high:
            raise ValueError(f"degree must be from {low:g} to {high:g}, got {self.degree!r}")
        object.__setattr__(self, "kind", StepKind(self.kind))
