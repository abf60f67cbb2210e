"""Declare an optimizer in one record, without torch: everything but its arithmetic.

Built-in optimizers stand in `built_in`, one file each. An entry point of the group
`widthwise.optimizers` names the declaration of an installed package. Processes that never load
torch read declarations; the functions that they refer to are imported where something trains.

A package's declaration needs the first group of fields alone: its width rules follow from the
degree of its step. The rows, traits and companions of the second group replace what would be
derived, with the sources of an optimizer that has been studied.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.optimizers.assignment import Assignment, everywhere
from parametrization.rules.horizon import HorizonRow, HorizonRule
from parametrization.rules.row import HyperparameterRow, Refusal, Rows
from parametrization.rules.step import Step, StepKind
from parametrization.rules.width.derived import (
    DERIVED,
    derived_rows,
    follows_gradient,
    ratio_of_rates,
)

__all__ = ["Hyperparameter", "OptimizerDeclaration", "PolicyRows", "Range", "Step", "StepKind"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OURS: Final = re.compile(
    r"name|plugin|learning_rate|learning_rate_ratio|init_std|output_multiplier"
    r"|companion_.*|.*_rate_multiplier"
)


class Range(StrEnum):
    """The values that a hyperparameter may take."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    AT_LEAST_ZERO = "zero or more"
    FRACTION = "in [0, 1)"
    FRACTION_ABOVE_ZERO = "in (0, 1)"

    def holds(self, value: float) -> bool:
        """True if the value is in range."""
        return {
            Range.POSITIVE: value > 0,
            Range.NEGATIVE: value < 0,
            Range.AT_LEAST_ZERO: value >= 0,
            Range.FRACTION: 0 <= value < 1,
            Range.FRACTION_ABOVE_ZERO: 0 < value < 1,
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """A number beside the learning rate.

    Attributes:
        steps: where the number multiplies the learning rate in steps unlike the declared one (of
            a second phase), the degree of those: the number is then a ratio of two rates, and is
            scaled with width as they are.
        gradient_power: it is of the gradient's size to this power, like an epsilon; 0: free of it.
        row: its scaling with width where neither of the two gives it.

    """

    default: float
    range: Range = Range.AT_LEAST_ZERO
    words: str = ""
    steps: Step | None = None
    gradient_power: float = 0
    row: HyperparameterRow | None = None

    def __post_init__(self) -> None:
        """Refuse a default out of range."""
        if not self.range.holds(self.default):
            raise ValueError(f"a default must be {self.range}, got {self.default!r}")
        if self.steps is not None and self.gradient_power:
            raise ValueError("a ratio of rates has steps and no gradient_power")


class PolicyRows(NamedTuple):
    """Width rows that are in force where a policy makes another choice than its default.

    Attributes:
        policy: a field of `Policies`.

    """

    policy: str
    by_choice: Mapping[StrEnum, Rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerDeclaration:
    """One optimizer.

    Attributes:
        name: what studies call it; of a package, equal to the entry point's name.
        words: what it is, for the catalogue.
        step: degree and kind of a step in the gradient.
        update: `module:function`, (parameter, gradient, state, hyper) -> (parameter, state), pure.
        init: `module:function`, parameter -> state; None where there is no state.
        hyperparameters: by name; `epsilon` needs a gradient_power, `weight_decay` shrinks weights
            by its product with the learning rate.
        log2_rates: ends of the learning rates searched by default, at the base width.
        check_learning_rate: small enough that slopes are those of the rule, not of training.
        check_hyperparameters: values for the check's few updates, in which every phase has to
            occur.

        spoken: the name in sentences; default: `name`.
        position: in the catalogue of built-in optimizers and in docs/rules.md, ascending.
        rows: width rules by role, with their sources; default: derived from `step`.
        policy_rows: other rows, where a policy chooses between two.
        horizon: batch and token rules; an absent rule does not cover this optimizer.
        bare_factor: factor on the step, up to a constant, of (fan_out, fan_in), where `rows` are
            those of the step without that factor.
        weight_degree: 1 where the step is relative to the tensor's size, else 0.
        decay_degree: of the gradient in what weight decay is multiplied by; the step's own unless
            decay stands inside a trust ratio.
        rate: the hyperparameter that sets the length of a tensor's step.
        sqrt_embedding_rate: whether embedding_lr_rule sqrt is known for it.
        starts_from_first_gradient: whether the first gradient becomes a preconditioner, so that
            no readout may start at zero.
        decays: whether its rate follows the schedule after warm-up; not where averaging replaces
            decay, which then keeps its peak rate.
        companions: optimizers by role; default: this one trains everything.
        refused: hyperparameters that users expect and that have no place here, with the reason.
        not_studied: the reason that a study cannot name it; None if it can.
        contribution: `module:function`, (gradient, hyper) -> number, added up over all tensors of
            a trial; the update then takes that sum as a fifth argument.
        takes_layer_signals: whether the update takes what the tensor's layer saw as a fifth
            argument.
        evaluation_point: `module:function`, (parameter, state, hyper) -> parameter, where the
            trained values are not the ones to validate with.
        entrywise: whether every entry's step needs that entry's own gradient and state alone (and
            the contributions' sum). Its tensors have no layout then, and sharded ones are stepped
            shard by shard; those of all others are gathered first.

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

    spoken: str = ""
    position: int = 0
    rows: Rows | None = None
    policy_rows: PolicyRows | None = None
    horizon: Mapping[HorizonRule, HorizonRow] = field(default_factory=dict)
    bare_factor: Callable[[int, int], float] | None = None
    weight_degree: int = 0
    decay_degree: float | None = None
    rate: str = "learning_rate"
    sqrt_embedding_rate: bool = False
    starts_from_first_gradient: bool = False
    decays: bool = True
    companions: Assignment | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    not_studied: str | None = None
    contribution: str | None = None
    takes_layer_signals: bool = False
    evaluation_point: str | None = None
    entrywise: bool = False

    def __post_init__(self) -> None:
        """Fill in the spoken name; refuse what could not be used later.

        Raises:
            ValueError: naming the field, its value and what it should be.

        """
        object.__setattr__(self, "spoken", self.spoken or self.name)
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
        references = (self.update, self.init, self.contribution, self.evaluation_point)
        for reference in filter(None, references):
            if not _REFERENCE.fullmatch(reference):
                raise ValueError(f"{reference!r} must be written package.module:function")

    def _refuse_hyperparameters(self) -> None:
        taken = [name for name in self.hyperparameters if _OURS.fullmatch(name)]
        if taken:
            raise ValueError(f"{taken[0]} is reserved by widthwise: choose another name")
        for name, value in self.check_hyperparameters.items():
            known = self.hyperparameters.get(name)
            if known is None or not known.range.holds(value):
                raise ValueError(
                    f"check_hyperparameters: {name}={value!r} is no hyperparameter of it, or out of"
                    " range"
                )
        epsilon = self.hyperparameters.get("epsilon")
        if epsilon is not None and not epsilon.gradient_power:
            raise ValueError(
                "epsilon needs a gradient_power: 1 beside a gradient, 2 beside squares"
            )

    @property
    def defaults(self) -> dict[str, float]:
        """Default of every hyperparameter but the learning rate."""
        return {name: given.default for name, given in self.hyperparameters.items()}

    @property
    def assignment(self) -> Assignment:
        """The optimizer of every role in a study that names this one."""
        return self.companions or everywhere(self.name)

    @property
    def epsilon_power(self) -> float:
        """Epsilon is of the gradient's size to this power."""
        epsilon = self.hyperparameters.get("epsilon")
        return 1 if epsilon is None else epsilon.gradient_power

    @property
    def degree_of_decay(self) -> float:
        """Degree, in the gradient, of the factor on weight decay."""
        return self.step.degree if self.decay_degree is None else self.decay_degree

    @property
    def width_rows(self) -> Rows:
        """The width rules of every role; where derived, refused if any of its steps has none."""
        if self.rows is not None:
            return self.rows
        rows = derived_rows(
            self.step,
            epsilon_power=self.epsilon_power if "epsilon" in self.hyperparameters else 0,
            decays="weight_decay" in self.hyperparameters,
        )
        for hyperparameter in self.hyperparameters.values():
            if hyperparameter.steps is not None:
                other = derived_rows(hyperparameter.steps)
                rows |= {role: row for role, row in other.items() if isinstance(row, Refusal)}
        return rows

    def hyperparameter_row(self, name: str) -> HyperparameterRow | None:
        """Scaling row of a number beside rate, decay and epsilon; None where no axis changes it."""
        given = self.hyperparameters.get(name)
        if given is None or name == "epsilon":
            return None
        if given.steps is not None:
            return ratio_of_rates(given.steps, self.step)
        if given.row is None and given.gradient_power:
            return follows_gradient(given.gradient_power, DERIVED, self.step.kind)
        return given.row
