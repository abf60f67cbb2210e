"""Scaling of a model whose roles are trained by different optimizers, each with its own numbers.

The usual case of a matrix optimizer: Muon on hidden matrices, AdamW on everything else, with two
base learning rates.
"""

from collections.abc import Mapping

from parametrization.optimizers.assignment import Assignment
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.tensor_scaling import (
    DEFAULT_POLICIES,
    TensorScaling,
    check_depth,
    check_whole,
    scale_tensor,
)
from parametrization.shapes.roles import ModelShape


def scale_mixed_model(  # noqa: PLR0913  # one keyword per axis, all with a default
    shape: ModelShape,
    *,
    assignment: Assignment,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, Mapping[str, float]],
    width: int,
    policies: Policies = DEFAULT_POLICIES,
    depth_mult: float = 1.0,
    batch_mult: float = 1.0,
    token_mult: float = 1.0,
) -> tuple[TensorScaling, ...]:
    """Every tensor of the model at `width`, in the shape's order.

    Args:
        hyperparameters: at the base width, by optimizer; each has its own base learning rate.

    Raises:
        ValueError: as `scale_model`, and if an optimizer of the assignment that trains some
            tensor has no hyperparameters.

    """
    check_whole(shape, width)
    check_depth(shape, parametrization, policies, depth_mult)
    trained_by = [assignment.optimizer_of(tensor) for tensor in shape.tensors]
    if missing := sorted(set(trained_by) - hyperparameters.keys()):
        raise ValueError(
            f"no hyperparameters for {', '.join(missing)}, which the assignment gives tensors to;"
            f" got them for {', '.join(sorted(hyperparameters)) or 'none'}"
        )
    return tuple(
        scale_tensor(
            tensor,
            optimizer=optimizer,
            parametrization=parametrization,
            hyperparameters=hyperparameters[optimizer],
            width_mult=width / shape.base_width,
            policies=policies,
            depth_mult=depth_mult,
            batch_mult=batch_mult,
            token_mult=token_mult,
        )
        for tensor, optimizer in zip(shape.tensors, trained_by, strict=True)
    )
