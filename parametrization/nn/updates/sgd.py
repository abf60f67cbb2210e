"""Stochastic gradient descent, plain, with heavy-ball and with Nesterov momentum.

Source: Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013, as `torch.optim.SGD` has
them (the velocity is a sum of gradients, not an average of them). Weight decay is L2 in the
gradient, which SGD, of degree 1, scales like any gradient.

Unit of the learning rate: parameter per gradient.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State


def init(parameter: Tensor) -> State:
    """A velocity of zero."""
    return {"velocity": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step: v <- momentum v + g; w <- w - rate v."""
    velocity = _velocity(parameter, gradient, state, hyper)
    return parameter - hyper["learning_rate"] * velocity, {"velocity": velocity}


def update_nesterov(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step: v <- momentum v + g; w <- w - rate (g + momentum v)."""
    velocity = _velocity(parameter, gradient, state, hyper)
    step = gradient + hyper["weight_decay"] * parameter + hyper["momentum"] * velocity
    return parameter - hyper["learning_rate"] * step, {"velocity": velocity}


def _velocity(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> Tensor:
    regularised = gradient + hyper["weight_decay"] * parameter
    return hyper["momentum"] * state["velocity"] + regularised
