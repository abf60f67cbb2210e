"""LARS: momentum on gradients rescaled to the size of their tensor.

Source: You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1. Every tensor is rescaled, as in
the paper, vectors too; where the parameter or everything added to it is zero, the ratio is 1.
Weight decay is L2, added before the rescaling, as in the paper.

Unit of the learning rate: relative change of a tensor per update, over `trust_coefficient`.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State


def init(parameter: Tensor) -> State:
    """A velocity of zero."""
    return {"velocity": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step v <- momentum v + trust (g + decay w); w <- w - rate v."""
    size = torch.linalg.vector_norm(parameter)
    added = torch.linalg.vector_norm(gradient) + hyper["weight_decay"] * size
    ratio = hyper["trust_coefficient"] * size / torch.where(added == 0, 1.0, added)
    trust = torch.where((size == 0) | (added == 0), 1.0, ratio)
    regularised = gradient + hyper["weight_decay"] * parameter
    velocity = hyper["momentum"] * state["velocity"] + trust * regularised
    return parameter - hyper["learning_rate"] * velocity, {"velocity": velocity}
