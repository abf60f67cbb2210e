"""Nonlinear conjugate gradient, Hestenes & Stiefel 1952, one tensor at a time.

d <- -g + b d with b = g.(g - g') / d.(g - g'), where g' is the gradient before. The learning rate
takes the place of a line search, so b is safeguarded as in Gilbert & Nocedal 1992 and Hager & Zhang
2006: a negative b is zero, and the direction starts afresh from -g after so many updates, where the
curvature along the last direction was not positive, where it would not descend enough, or where it
would be much longer than the gradient. All of these are ratios of inner products: gradients times c
make steps times c, of degree 1, and no threshold depends on the width.

Inner products are those of one tensor: tensors of different roles have gradients of different size,
and a sum over all of them would be about the largest alone.

Unit of the learning rate: parameter per gradient, as SGD's.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, counter


def init(parameter: Tensor) -> State:
    """No gradient seen and no direction yet."""
    return {
        "gradient": torch.zeros_like(parameter),
        "direction": torch.zeros_like(parameter),
        "since_restart": counter(parameter),
    }


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step along a direction conjugate to the last one."""
    change, last = gradient - state["gradient"], state["direction"]
    along = (last * change).sum()
    beta = (gradient * change).sum() / torch.where(along > 0, along, torch.ones_like(along))
    direction = torch.where(beta > 0, beta, torch.zeros_like(beta)) * last - gradient
    size = gradient.square().sum()
    goes_on = (
        (along > 0)
        & (state["since_restart"] < hyper["restart_after"])
        & (-(gradient * direction).sum() >= hyper["descent"] * size)
        & (direction.square().sum() <= hyper["longest"] ** 2 * size)
    )
    direction = torch.where(goes_on, direction, -gradient)
    since = torch.where(goes_on, state["since_restart"] + 1, torch.ones_like(along))
    new_state = {
        "gradient": gradient.clone(),
        "direction": direction,
        "since_restart": since.to(state["since_restart"].dtype),
    }
    return parameter + hyper["learning_rate"] * direction, new_state
