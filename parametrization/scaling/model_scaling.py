"""Scale every tensor of a model from hyperparameters tuned at the base."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from parametrization.optimizers.assignment import Assignment
from parametrization.optimizers.hyperparameters import checked
from parametrization.rules.depth import DepthRule
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import assignment_of, by_optimizer
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_rules import rules_of
from parametrization.scaling.tensor_scaling import (
    DEFAULT_POLICIES,
    TensorFactors,
    TensorScaling,
    factors_of,
)
from parametrization.shapes.roles import ModelShape, TensorShape


def scale(
    shape: ModelShape,
    hyperparameters: Mapping[str, float],
    multipliers: Multipliers,
    *,
    optimizer: str,
    parametrization: Parametrization = Parametrization.MUP,
    policies: Policies = DEFAULT_POLICIES,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[TensorScaling, ...]:
    """Every tensor of the target, in the shape's order.

    Residual branches are multiplied by `multipliers.depth ** -policies.residual_alpha` besides.

    Args:
        shape: the target's tensors at the base width.
        hyperparameters: at the base, the flat mapping of a trial: the optimizer's own numbers, and
            with a `companion_` before their names those of the AdamW beside a matrix optimizer.
        multipliers: target over base.
        optimizer: the one that a study names; others may train some roles beside it.
        target_shapes: by name, of a target that is no multiple of the base: each tensor then grows
            by factors of its own.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range, if some dimension
            would not be a whole number at this width, or if a rule does not cover the case.

    """
    return scale_assigned(
        shape,
        by_optimizer(optimizer, hyperparameters),
        multipliers,
        assignment=assignment_of(optimizer),
        parametrization=parametrization,
        policies=policies,
        target_shapes=target_shapes,
    )


def scale_assigned(
    shape: ModelShape,
    hyperparameters: Mapping[str, Mapping[str, float]],
    multipliers: Multipliers,
    *,
    assignment: Assignment,
    parametrization: Parametrization = Parametrization.MUP,
    policies: Policies = DEFAULT_POLICIES,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[TensorScaling, ...]:
    """Scalings as by `scale`, for any assignment of optimizers to roles.

    Args:
        hyperparameters: at the base, by optimizer; each has its own base learning rate.

    Raises:
        ValueError: as `scale`, and if an optimizer of the assignment that trains some tensor has
            no hyperparameters.

    """
    factors = model_factors(
        shape,
        multipliers,
        assignment=assignment,
        parametrization=parametrization,
        policies=policies,
        target_shapes=target_shapes,
    )
    return factors.scaled(hyperparameters)


class ModelFactors(NamedTuple):
    """A model at one size before its hyperparameters are known, for all trials of that size."""

    kinds: tuple[TensorFactors, ...]
    """Tensors that differ in their names alone are one kind."""
    tensors: tuple[tuple[str, int], ...]
    """Name and place in `kinds` of every tensor, in the shape's order."""

    def scaled(
        self, hyperparameters: Mapping[str, Mapping[str, float]]
    ) -> tuple[TensorScaling, ...]:
        """Every tensor's numbers.

        Args:
            hyperparameters: at the base, by optimizer.

        Raises:
            ValueError: if an optimizer that trains some tensor has none, or one is missing,
                unknown, out of range, or cannot follow batch and tokens.

        """
        trained_by = {kind.rules.optimizer.name for kind in self.kinds}
        if missing := sorted(trained_by - hyperparameters.keys()):
            raise ValueError(
                f"no hyperparameters for {', '.join(missing)}, which the assignment gives tensors"
                f" to; got them for {', '.join(sorted(hyperparameters)) or 'none'}"
            )
        given = {name: checked(name, hyperparameters[name]) for name in sorted(trained_by)}
        scaled = [kind.scaled(given[kind.rules.optimizer.name]) for kind in self.kinds]
        return tuple(replace(scaled[place], name=name) for name, place in self.tensors)


def model_factors(
    shape: ModelShape,
    multipliers: Multipliers,
    *,
    assignment: Assignment,
    parametrization: Parametrization = Parametrization.MUP,
    policies: Policies = DEFAULT_POLICIES,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> ModelFactors:
    """The rules of every tensor, looked up and multiplied out; arguments as of `scale`.

    Raises:
        ValueError: if some dimension would not be a whole number at this width, or if a rule does
            not cover the case.

    """
    given = target_shapes or {}
    _refuse_fractions(shape, multipliers.width, given)
    _refuse_unknown_depth(shape, parametrization, policies, multipliers.depth)
    places: dict[tuple[TensorShape, str, tuple[int, ...] | None], int] = {}
    kinds, tensors = list[TensorFactors](), list[tuple[str, int]]()
    for tensor in shape.tensors:
        optimizer, target_shape = assignment.optimizer_of(tensor), given.get(tensor.name)
        kind = (replace(tensor, name=""), optimizer, target_shape)
        if kind not in places:
            places[kind] = len(kinds)
            rules = rules_of(
                tensor, optimizer, parametrization, policies, multipliers, target_shape
            )
            kinds.append(factors_of(rules))
        tensors.append((tensor.name, places[kind]))
    return ModelFactors(tuple(kinds), tuple(tensors))


def _refuse_fractions(
    shape: ModelShape, width_multiplier: float, given: Mapping[str, tuple[int, ...]]
) -> None:
    width = width_multiplier * shape.base_width
    for tensor in (one for one in shape.tensors if one.name not in given):
        sizes = [s for s, wide in zip(tensor.base_shape, tensor.infinite, strict=True) if wide]
        if any(round(width) * size % shape.base_width for size in sizes) or width != round(width):
            raise ValueError(
                f"width {width:.15g} gives {tensor.name} no whole shape: it is {tensor.base_shape}"
                f" at the base width {shape.base_width}; choose a multiple of"
                f" {shape.base_width // math.gcd(shape.base_width, *sizes)}"
            )


def _refuse_unknown_depth(
    shape: ModelShape, parametrization: Parametrization, policies: Policies, depth_mult: float
) -> None:
    if depth_mult == 1 or policies.depth_rule is DepthRule.NONE:
        return
    if parametrization is Parametrization.MUP and not any(t.in_block for t in shape.tensors):
        raise ValueError(
            f"depth_rule {policies.depth_rule} has no row for this model: the depth multiplier is"
            f" {depth_mult:g} and no tensor is inside a residual block, the only place where depth"
            " rules hold; keep the depth of the base, or choose depth_rule none and retune"
        )
