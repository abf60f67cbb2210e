"""LAMB: Adam's step rescaled to the size of its tensor.

Source: You et al. 2020, arXiv:1904.00962, Algorithm 2, with phi the identity: moments corrected for
their start at zero, decay inside the rescaled step. The ratio is 1 where the parameter or the step
is zero.

Unit of the learning rate: relative change of a tensor per update.
"""

import torch
from torch import Tensor

from parametrization.nn.updates import adam
from parametrization.nn.updates.update import Hyper, State


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- w - rate ||w|| / ||u|| u, u = adam(g) + decay w."""
    adams, state = adam.direction(gradient, state, hyper)
    step = adams + hyper["weight_decay"] * parameter
    size, length = torch.linalg.vector_norm(parameter), torch.linalg.vector_norm(step)
    ratio = size / torch.where(length == 0, 1.0, length)
    trust = torch.where((size == 0) | (length == 0), 1.0, ratio)
    return parameter - hyper["learning_rate"] * trust * step, state
