"""The numbers of every tensor at any width, depth, batch and number of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from parametrization.optimizers.hyperparameters import (
    EVERYWHERE,
    RATE_MULTIPLIERS,
    names_of,
    rate_multiplier,
)
from parametrization.rules.policies import Policies
from parametrization.scaling.axis_factors import (
    decay_factor,
    epsilon_factor,
    forward_factor,
    initial_factor,
    memory,
    other_factor,
    rate_factor_of,
)
from parametrization.scaling.tensor_rules import TensorRules
from parametrization.scaling.words import Reason, reason_of
from parametrization.shapes.roles import Layout, Role

DEFAULT_POLICIES: Final = Policies()
_NAMED: Final = EVERYWHERE | RATE_MULTIPLIERS.keys() | {"weight_decay", "epsilon"}


@dataclass(frozen=True, slots=True)
class TensorScaling:
    """One tensor at one width, as numbers that need no further rule.

    Attributes:
        init_std: of a zero-mean normal draw; None where every entry starts at `constant`.
        constant: value of every entry at the start; None where `init_std` is given, and where
            the model's own start is kept.
        multiplier: factor on the layer's output; 1 everywhere but at readouts.
        weight_decay: as torch takes it, to be multiplied by the learning rate.
        epsilon: added after the square root; None for optimizers without one.
        optimizer: whose numbers these are.
        others: what else the optimizer's update takes, scaled: betas, momentum, radius, damping.
        extrapolated: whether a rule was used beyond the range where it was tested.
        layout: which dimensions are fan-out, fan-in and stacked matrices.

    """

    name: str
    role: Role
    shape: tuple[int, ...]
    init_std: float | None
    constant: float | None
    multiplier: float
    learning_rate: float
    weight_decay: float
    epsilon: float | None
    reason: str
    optimizer: str
    others: Mapping[str, float] = field(hash=False)
    extrapolated: bool = False
    layout: Layout = field(default_factory=Layout)

    @property
    def kept(self) -> bool:
        """True if the tensor keeps the model's own initial value."""
        return self.init_std is None and self.constant is None

    @property
    def hyper(self) -> dict[str, float]:
        """Everything that one tensor's update function takes."""
        return {
            "learning_rate": self.learning_rate,
            **(
                {"weight_decay": self.weight_decay}
                if "weight_decay" in names_of(self.optimizer)
                else {}
            ),
            **({} if self.epsilon is None else {"epsilon": self.epsilon}),
            **self.others,
        }


@dataclass(frozen=True, slots=True)
class TensorFactors:
    """One tensor at one width before its hyperparameters are known: the factors on them.

    Looking up the rules takes several times as long as multiplying by them, and trials of one
    shape share them.

    Attributes:
        start: standard deviation of the base's initial draw; None where nothing is drawn.
        others: by name, those on what else the optimizer's update takes.

    """

    rules: TensorRules
    shape: tuple[int, ...]
    layout: Layout
    start: float | None
    initial: float
    rate: float
    decay: float
    epsilon: float
    others: Mapping[str, float] = field(hash=False)
    reason: Reason

    def scaled(self, given: Mapping[str, float]) -> TensorScaling:
        """The tensor's numbers.

        Args:
            given: the hyperparameters of its optimizer, as `checked` gives them.

        Raises:
            ValueError: if a momentum cannot follow batch and tokens.

        """
        tensor = self.rules.tensor
        others, extrapolated = self._others(given)
        output = given["output_multiplier"] if tensor.role is Role.OUTPUT or tensor.tied else 1.0
        epsilon, rate_factor = given.get("epsilon"), rate_multiplier(tensor.role, given)
        return TensorScaling(
            name=tensor.name,
            role=tensor.role,
            shape=self.shape,
            init_std=None if self.start is None else self.start * given["init_std"] * self.initial,
            constant=tensor.constant if self.start is None and not tensor.kept else None,
            multiplier=forward_factor(self.rules, output),
            learning_rate=given["learning_rate"] * rate_factor * self.rate,
            weight_decay=given.get("weight_decay", 0.0) * self.decay,
            epsilon=None if epsilon is None else epsilon * self.epsilon,
            reason=self.reason.said(extrapolated=extrapolated, rate_multiplier=rate_factor),
            optimizer=self.rules.optimizer.name,
            others=others,
            extrapolated=extrapolated,
            layout=self.layout,
        )

    def _others(self, given: Mapping[str, float]) -> tuple[dict[str, float], bool]:
        """Further hyperparameters of the update, and True if a memory left its tested range."""
        others, extrapolated = {}, False
        for name, factor in self.others.items():
            scaled = memory(self.rules, name, given[name] * factor)
            others[name] = scaled.beta
            extrapolated |= scaled.extrapolated
        return others, extrapolated


def factors_of(rules: TensorRules) -> TensorFactors:
    """The factors that a tensor's rules come to.

    Raises:
        ValueError: if no rule covers this optimizer, role or horizon: with the reason and the
            remedy.

    """
    names = names_of(rules.optimizer.name)
    return TensorFactors(
        rules=rules,
        shape=rules.target_shape,
        layout=rules.tensor.layout,
        start=rules.tensor.base_std,
        initial=initial_factor(rules),
        rate=rate_factor_of(rules),
        decay=decay_factor(rules),
        epsilon=epsilon_factor(rules) if "epsilon" in names else 1.0,
        others={name: other_factor(rules, name) for name in sorted(names - _NAMED)},
        reason=reason_of(rules),
    )
