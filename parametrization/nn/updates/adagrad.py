"""AdaGrad: gradients over the root of the sum of all their squares.

Source: Duchi, Hazan & Singer 2011, the diagonal form; epsilon after the square root, as
`torch.optim.Adagrad`. The initial accumulator is a hyperparameter of the update instead of the
state's first value, so that each trial may have its own. It scales with width like a squared
gradient. No weight decay: torch offers L2 alone, and L2 divided by the gradient's size has no
width rule.

Unit of the learning rate: change of an entry by the first update.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State


def init(parameter: Tensor) -> State:
    """A sum of squares of zero."""
    return {"sum_of_squares": torch.zeros_like(parameter)}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step: s <- s + g^2; w <- w - rate g / (sqrt(s0 + s) + epsilon)."""
    sum_of_squares = state["sum_of_squares"] + gradient.square()
    size = (hyper["initial_accumulator"] + sum_of_squares).sqrt() + hyper["epsilon"]
    new_parameter = parameter - hyper["learning_rate"] * gradient / size
    return new_parameter, {"sum_of_squares": sum_of_squares}
