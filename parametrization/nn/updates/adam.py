"""Adam, and AdamW with decoupled weight decay.

Source: Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1; Loshchilov & Hutter 2019,
arXiv:1711.05101, Algorithm 2. Epsilon is added after the square root and the bias correction,
as in `torch.optim`.

Unit of the learning rate: change of an entry per update whose sign is steady.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import (
    Hyper,
    State,
    counter,
    decayed,
    shrunk,
)


def init(parameter: Tensor) -> State:
    """Both moments at zero."""
    return {
        "step": counter(parameter),
        "mean": torch.zeros_like(parameter),
        "mean_square": torch.zeros_like(parameter),
    }


def direction(gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """The step per unit of learning rate, and the new moments."""
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    step = state["step"] + 1
    mean = decayed(state["mean"], gradient, beta1)
    mean_square = decayed(state["mean_square"], gradient.square(), beta2)
    size = mean_square.sqrt() / (1 - beta2**step).sqrt() + hyper["epsilon"]
    new_state = {"step": step, "mean": mean, "mean_square": mean_square}
    return mean / (1 - beta1**step) / size, new_state


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- w - rate m / (sqrt(v) + epsilon), moments corrected for zero starts."""
    step, state = direction(gradient, state, hyper)
    return parameter - hyper["learning_rate"] * step, state


def update_decoupled(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """Adam's step from a parameter that has first been shrunk by rate * weight decay."""
    step, state = direction(gradient, state, hyper)
    return shrunk(parameter, hyper) - hyper["learning_rate"] * step, state
