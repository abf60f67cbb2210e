"""Adam for the first updates, then SGD with momentum, whose velocity starts at zero.

Source: Keskar & Socher 2017, arXiv:1712.07628, with the moment and the ratio of the two rates given
instead of estimated. The two phases have steps of two degrees and so two rules of width: Adam's for
the learning rate, and for `sgd_rate_ratio` the quotient of SGD's by Adam's.

Unit of the learning rate: Adam's; times the ratio, SGD's.
"""

import torch
from torch import Tensor

from parametrization.nn.updates import adam
from parametrization.nn.updates.update import Hyper, State


def init(parameter: Tensor) -> State:
    """Adam's moments and SGD's velocity at zero."""
    return {**adam.init(parameter), "velocity": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step of Adam, or of SGD once its turn has come."""
    direction, moments = adam.direction(gradient, state, hyper)
    is_adam = moments["step"] <= hyper["switch_after"]
    velocity = torch.where(
        is_adam, torch.zeros_like(gradient), hyper["momentum"] * state["velocity"] + gradient
    )
    step = torch.where(is_adam, direction, hyper["sgd_rate_ratio"] * velocity)
    return parameter - hyper["learning_rate"] * step, {**moments, "velocity": velocity}
