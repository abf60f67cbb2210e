"""RMSProp: gradients over their running root mean square, then heavy-ball momentum.

Source: Tieleman & Hinton 2012, lecture 6.5; epsilon after the square root, the average started at
zero and not corrected for it, as in `torch.optim.RMSprop`. No weight decay: torch offers L2 alone,
and L2 divided by the gradient's size has no width rule.

Unit of the learning rate: change of an entry per update of steady size.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, decayed


def init(parameter: Tensor) -> State:
    """A mean square and a velocity of zero."""
    return {"mean_square": torch.zeros_like(parameter), "velocity": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step: v <- momentum v + g / (sqrt(s) + epsilon); w <- w - rate v."""
    mean_square = decayed(state["mean_square"], gradient.square(), hyper["beta2"])
    normalised = gradient / (mean_square.sqrt() + hyper["epsilon"])
    velocity = hyper["momentum"] * state["velocity"] + normalised
    new_parameter = parameter - hyper["learning_rate"] * velocity
    return new_parameter, {"mean_square": mean_square, "velocity": velocity}
