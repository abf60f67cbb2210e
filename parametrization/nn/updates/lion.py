"""Lion: the sign of an interpolated momentum.

Source: Chen et al. 2023, arXiv:2302.06675, Algorithm 2.

Unit of the learning rate: change of every entry per update.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, decayed, shrunk


def init(parameter: Tensor) -> State:
    """A momentum of zero."""
    return {"mean": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - rate sign(beta1 m + (1 - beta1) g); m then takes beta2."""
    direction = torch.sign(decayed(state["mean"], gradient, hyper["beta1"]))
    mean = decayed(state["mean"], gradient, hyper["beta2"])
    return shrunk(parameter, hyper) - hyper["learning_rate"] * direction, {"mean": mean}
