"""The numbers of every tensor at any width, depth, batch and number of tokens."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from parametrization.optimizers.hyperparameters import (
    EVERYWHERE,
    RATE_MULTIPLIERS,
    checked,
    names_of,
    rate_multiplier,
)
from parametrization.rules.depth import DepthRule
from parametrization.rules.parametrization import Parametrization
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
from parametrization.scaling.tensor_rules import Case, Multipliers, case_of
from parametrization.scaling.words import reason
from parametrization.shapes.roles import ModelShape, Role, TensorShape

DEFAULT_POLICIES: Final = Policies()
_NAMED: Final = EVERYWHERE | RATE_MULTIPLIERS.keys() | {"weight_decay", "epsilon"}


@dataclass(frozen=True, slots=True)
class TensorScaling:
    """One tensor at one width, as numbers that need no further rule.

    Attributes:
        init_std: of a zero-mean normal draw; None where every entry starts at `constant`.
        constant: value of every entry at the start; None where `init_std` is given.
        multiplier: factor on the layer's output; 1 everywhere but at readouts.
        weight_decay: as torch takes it, to be multiplied by the learning rate.
        epsilon: added after the square root; None for optimizers without one.
        optimizer: whose numbers these are.
        others: what else the optimizer's update takes, scaled: betas, momentum, radius, damping.
        extrapolated: whether a rule was used beyond the range where it was tested.

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


def scale_model(  # noqa: PLR0913  # one keyword per axis, all with a default
    shape: ModelShape,
    *,
    optimizer: str,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, float],
    width: int,
    policies: Policies = DEFAULT_POLICIES,
    depth_mult: float = 1.0,
    batch_mult: float = 1.0,
    token_mult: float = 1.0,
) -> tuple[TensorScaling, ...]:
    """Every tensor of the model at `width`, in the shape's order.

    Residual branches are multiplied by `depth_mult ** -policies.residual_alpha` besides.

    Args:
        depth_mult: residual blocks over those of the base.
        batch_mult: batch over the base's.
        token_mult: tokens seen in training over the base's.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range, if some dimension
            would not be a whole number at this width, or if a rule does not cover the case.

    """
    check_whole(shape, width)
    check_depth(shape, parametrization, policies, depth_mult)
    return tuple(
        scale_tensor(
            tensor,
            optimizer=optimizer,
            parametrization=parametrization,
            hyperparameters=hyperparameters,
            width_mult=width / shape.base_width,
            policies=policies,
            depth_mult=depth_mult,
            batch_mult=batch_mult,
            token_mult=token_mult,
        )
        for tensor in shape.tensors
    )


def check_whole(shape: ModelShape, width: int) -> None:
    """Refuse a width at which some dimension would be a fraction."""
    for tensor in shape.tensors:
        sizes = [s for s, wide in zip(tensor.base_shape, tensor.infinite, strict=True) if wide]
        if any(size * width % shape.base_width for size in sizes):
            raise ValueError(
                f"width {width} gives {tensor.name} no whole shape: it is {tensor.base_shape} at"
                f" the base width {shape.base_width}; choose a multiple of"
                f" {shape.base_width // math.gcd(shape.base_width, *sizes)}"
            )


def check_depth(
    shape: ModelShape, parametrization: Parametrization, policies: Policies, depth_mult: float
) -> None:
    """Refuse to scale the depth of a model that no depth rule describes."""
    if depth_mult == 1 or policies.depth_rule is DepthRule.NONE:
        return
    if parametrization is Parametrization.MUP and not any(t.in_block for t in shape.tensors):
        raise ValueError(
            f"depth_rule {policies.depth_rule} has no row for this model: depth_mult is"
            f" {depth_mult:g} and no tensor is inside a residual block, the only place where depth"
            " rules hold; keep the depth of the base, or choose depth_rule none and retune"
        )


def scale_tensor(  # noqa: PLR0913  # one keyword per axis, all with a default
    tensor: TensorShape,
    *,
    optimizer: str,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, float],
    width_mult: float,
    policies: Policies = DEFAULT_POLICIES,
    depth_mult: float = 1.0,
    batch_mult: float = 1.0,
    token_mult: float = 1.0,
) -> TensorScaling:
    """One tensor at `width_mult` times the base width.

    The standard parametrization follows batch and tokens, and neither width nor depth.

    Args:
        hyperparameters: at the base width, the names in `names_of(optimizer)` and any of
            `RATE_MULTIPLIERS`. `init_std` multiplies every random tensor's standard deviation,
            `output_multiplier` the readout's forward multiplier.
        width_mult: width / base width, > 0; likewise depth, batch and tokens.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range, or if no rule covers
            this optimizer, role or horizon: with the reason and the remedy.

    """
    mults = Multipliers(width_mult, depth_mult, batch_mult, token_mult)
    for name, mult in mults._asdict().items():
        if not 0 < mult < math.inf:
            raise ValueError(f"{name.rstrip('s')}_mult must be positive, got {mult}")
    given = checked(optimizer, hyperparameters)
    case = case_of(tensor, optimizer, parametrization, policies, mults)
    base_std = tensor.base_std
    others, extrapolated = _others(case, given)
    output = given["output_multiplier"] if tensor.role is Role.OUTPUT or tensor.tied else 1.0
    epsilon, rate_factor = given.get("epsilon"), rate_multiplier(tensor.role, given)
    start = None if base_std is None else base_std * given["init_std"] * initial_factor(case)
    return TensorScaling(
        name=tensor.name,
        role=tensor.role,
        shape=tensor.shape_at(width_mult),
        init_std=start,
        constant=tensor.constant if base_std is None else None,
        multiplier=forward_factor(case, output),
        learning_rate=given["learning_rate"] * rate_factor * rate_factor_of(case),
        weight_decay=given.get("weight_decay", 0.0) * decay_factor(case),
        epsilon=None if epsilon is None else epsilon * epsilon_factor(case),
        reason=reason(case, extrapolated=extrapolated, rate_multiplier=rate_factor),
        optimizer=optimizer,
        others=others,
        extrapolated=extrapolated,
    )


def _others(case: Case, given: Mapping[str, float]) -> tuple[dict[str, float], bool]:
    """The optimizer's further hyperparameters, and whether a memory left its tested range."""
    others, extrapolated = {}, False
    for name in sorted(given.keys() - _NAMED):
        scaled = memory(case, name, given[name] * other_factor(case, name))
        others[name] = scaled.beta
        extrapolated |= scaled.extrapolated
    return others, extrapolated
