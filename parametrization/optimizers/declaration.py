"""What a package says of an optimizer that it adds: everything but the arithmetic, without torch.

An entry point of the group `widthwise.optimizers` names an `OptimizerDeclaration`. The service
reads declarations in processes that never load torch; the functions that they refer to are
imported where something trains. This module imports nothing of ours, so that a plugin may be
imported first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OURS: Final = re.compile(
    r"name|plugin|learning_rate|learning_rate_ratio|init_std|output_multiplier"
    r"|companion_.*|.*_rate_multiplier"
)
DEGREES: Final = (-2.0, 2.0)
"""Degrees beyond these are taken for a mistake."""


class StepKind(StrEnum):
    """Which gradient the length of a step answers to."""

    ENTRIES = "entries"  # every entry's step to that entry's gradient: SGD, Adam
    TENSOR = "tensor"  # the whole step to the gradient's norm or singular values: LARS, Shampoo


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How a step per unit of learning rate answers to the gradient.

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


class Range(StrEnum):
    """Which values of a hyperparameter make sense."""

    POSITIVE = "positive"
    AT_LEAST_ZERO = "zero or more"
    FRACTION = "in [0, 1)"

    def holds(self, value: float) -> bool:
        """Whether the value is in range."""
        if self is Range.FRACTION:
            return 0 <= value < 1
        return value > 0 or (value == 0 and self is Range.AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """A number beside the learning rate.

    Attributes:
        steps: where the number multiplies the learning rate in steps unlike the declared one (of
            a second phase), how those answer to the gradient: the number is then a ratio of two
            rates, and scaled with width as theirs are.
        gradient_power: it is of the gradient's size to this power, like an epsilon; 0: free of it.

    """

    default: float
    range: Range = Range.AT_LEAST_ZERO
    words: str = ""
    steps: Step | None = None
    gradient_power: float = 0

    def __post_init__(self) -> None:
        """Refuse a default out of range."""
        if not self.range.holds(self.default):
            raise ValueError(f"a default must be {self.range}, got {self.default!r}")
        if self.steps is not None and self.gradient_power:
            raise ValueError("a ratio of rates has steps and no gradient_power")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerDeclaration:
    """One optimizer of a plugin.

    Attributes:
        name: what studies call it, equal to the entry point's name.
        words: what it is, for the catalogue.
        step: exponents of width follow from it (`derived_rules`).
        update: `module:function`, (parameter, gradient, state, hyper) -> (parameter, state), pure.
        init: `module:function`, parameter -> state; None where there is no state.
        hyperparameters: by name; `epsilon` needs a gradient_power, `weight_decay` shrinks weights
            by its product with the learning rate.
        log2_rates: ends of the learning rates searched by default, at the base width.
        check_learning_rate: small enough that slopes are those of the rule, not of training.
        check_hyperparameters: what the check's few updates need another value of: every phase
            has to fall within them.

    """

    name: str
    words: str
    step: Step
    update: str
    log2_rates: tuple[int, int]
    check_learning_rate: float
    init: str | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    check_hyperparameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could not be used later.

        Raises:
            ValueError: naming the field, its value and what it should be.

        """
        self._refuse_names()
        self._refuse_hyperparameters()
        if not self.log2_rates[0] < self.log2_rates[1]:
            raise ValueError(f"log2_rates must ascend, got {self.log2_rates}")
        if not self.check_learning_rate > 0:
            raise ValueError(f"check_learning_rate must be > 0, got {self.check_learning_rate}")

    def _refuse_names(self) -> None:
        for name in (self.name, *self.hyperparameters):
            if not _NAME.fullmatch(name):
                raise ValueError(f"names are lower case with underscores, got {name!r}")
        for reference in filter(None, (self.update, self.init)):
            if not _REFERENCE.fullmatch(reference):
                raise ValueError(f"{reference!r} must be written package.module:function")

    def _refuse_hyperparameters(self) -> None:
        taken = [name for name in self.hyperparameters if _OURS.fullmatch(name)]
        if taken:
            raise ValueError(f"{taken[0]} is a name of widthwise's own: call it otherwise")
        for name, value in self.check_hyperparameters.items():
            known = self.hyperparameters.get(name)
            if known is None or not known.range.holds(value):
                raise ValueError(f"check_hyperparameters: {name}={value!r} is none of its numbers")
        epsilon = self.hyperparameters.get("epsilon")
        if epsilon is not None and not epsilon.gradient_power:
            raise ValueError(
                "epsilon needs a gradient_power: 1 beside a gradient, 2 beside squares"
            )

    @property
    def defaults(self) -> dict[str, float]:
        """Default of every hyperparameter but the learning rate."""
        return {name: given.default for name, given in self.hyperparameters.items()}
