"""Schedule-free AdamW: averaging of iterates in place of a decaying rate.

Source: Defazio et al. 2024, arXiv:2405.15682, Algorithm 1, with the authors' code's weights: each
iterate counts with the square of the largest rate so far, second moments are corrected for their
start. The parameter is the point y where gradients are taken; validate and export `evaluation
point` x. Use it with warm-up and a constant rate. Decay is taken at y and enters the step beside
Adam's, as decoupled as in AdamW. beta1 is above 0: it is what x is recovered with.

Unit of the learning rate: change of an entry of z per update whose sign is steady.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, counter, decayed


def init(parameter: Tensor) -> State:
    """Iterate z at the parameter, second moments and weights at zero."""
    return {
        "step": counter(parameter),
        "z": parameter.clone(),
        "mean_square": torch.zeros_like(parameter),
        "largest_rate": counter(parameter),
        "weight_sum": counter(parameter),
    }


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step z <- z - rate d; x <- (1 - c) x + c z; y <- (1 - beta1) z + beta1 x."""
    step, rate = state["step"] + 1, hyper["learning_rate"]
    mean_square = decayed(state["mean_square"], gradient.square(), hyper["beta2"])
    size = mean_square.sqrt() / (1 - hyper["beta2"] ** step).sqrt() + hyper["epsilon"]
    direction = gradient / size + hyper["weight_decay"] * parameter
    largest_rate = torch.maximum(
        state["largest_rate"], (torch.zeros_like(step) + rate).to(step.dtype)
    )
    weight_sum = state["weight_sum"] + largest_rate.square()
    share = torch.where(weight_sum == 0, 0.0, largest_rate.square() / weight_sum)
    z = state["z"] - rate * direction
    averaged = (1 - share) * evaluation_point(parameter, state, hyper) + share * z
    beta1 = hyper["beta1"]
    return ((1 - beta1) * z + beta1 * averaged).to(parameter.dtype), {
        "step": step,
        "z": z,
        "mean_square": mean_square,
        "largest_rate": largest_rate,
        "weight_sum": weight_sum,
    }


def evaluation_point(parameter: Tensor, state: State, hyper: Hyper) -> Tensor:
    """The average x of all z, from y = (1 - beta1) z + beta1 x."""
    return state["z"] + (parameter - state["z"]) / hyper["beta1"]
