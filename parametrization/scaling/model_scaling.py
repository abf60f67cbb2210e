"""Scale every tensor of a model from hyperparameters tuned at the base."""

import math
from collections.abc import Mapping

from parametrization.optimizers.assignment import Assignment
from parametrization.rules.depth import DepthRule
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import assignment_of, by_optimizer
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling, scale_tensor
from parametrization.shapes.roles import ModelShape


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
    given = target_shapes or {}
    _refuse_fractions(shape, multipliers.width, given)
    _refuse_unknown_depth(shape, parametrization, policies, multipliers.depth)
    trained_by = [assignment.optimizer_of(tensor) for tensor in shape.tensors]
    if missing := sorted(set(trained_by) - hyperparameters.keys()):
        raise ValueError(
            f"no hyperparameters for {', '.join(missing)}, which the assignment gives tensors to;"
            f" got them for {', '.join(sorted(hyperparameters)) or 'none'}"
        )
    return tuple(
        scale_tensor(
            tensor,
            hyperparameters[optimizer],
            multipliers,
            optimizer=optimizer,
            parametrization=parametrization,
            policies=policies,
            target_shape=given.get(tensor.name),
        )
        for tensor, optimizer in zip(shape.tensors, trained_by, strict=True)
    )


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
