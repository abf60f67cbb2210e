"""Gauss-Newton steps with a diagonal or a low-rank curvature, by the sharpness that was measured.

Curvature is what gradients tell of it, the empirical Fisher matrix of one tensor:
- low rank: the mean of g g^T over the last `RANK` gradients, inverted by Woodbury's identity;
- diagonal: a running mean of g^2, times the number of entries, so that both have the same trace
  and steps of both are of one length: 1 / |g|.
To either, `damping` times its trace is added on the diagonal. (These are gradients of mini-batches,
not of examples; a function of gradients sees no others.)

Sharpness is measured along the last step s: 1 - g.s / g'.s, with g' the gradient before it. On a
quadratic this is s.H s over what would make the step end in its minimum along s; for plain gradient
descent it is the rate times the curvature along the gradient. Its running mean above `sharp` makes
the next step low-rank, which knows the directions that the gradients share; below, diagonal. It is
a number without unit, free of width where the change of the loss is.

Gradients times c make steps times 1/c: degree -1, and by the gradient's norm, not entry by entry.
"""

from typing import Final

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, counter, decayed

RANK: Final = 4


def init(parameter: Tensor) -> State:
    """No gradients seen, no step taken, no sharpness measured."""
    return {
        "step": counter(parameter),
        "history": torch.zeros_like(parameter).expand(RANK, *parameter.shape).clone(),
        "mean_square": torch.zeros_like(parameter),
        "last_step": torch.zeros_like(parameter),
        "sharpness": counter(parameter),
    }


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step with the curvature that the sharpness asks for."""
    step = state["step"] + 1
    sharpness = decayed(state["sharpness"], measured(gradient, state), hyper["beta_sharpness"])
    history = torch.cat([gradient.unsqueeze(0), state["history"][:-1]])
    mean_square = decayed(state["mean_square"], gradient.square(), hyper["beta_squares"])
    squares = mean_square / (1 - hyper["beta_squares"] ** step)
    direction = torch.where(
        sharpness > hyper["sharp"],
        low_rank(gradient, history, step, hyper),
        diagonal(gradient, squares, hyper),
    ).to(parameter.dtype)
    taken = -hyper["learning_rate"] * direction
    new_state = {
        "step": step,
        "history": history,
        "mean_square": mean_square,
        "last_step": taken,
        "sharpness": sharpness,
    }
    return parameter + taken, new_state


def measured(gradient: Tensor, state: State) -> Tensor:
    """0-d: how sharp the loss was along the last step; what is remembered where none was taken."""
    before = (state["history"][0] * state["last_step"]).sum()
    now = (gradient * state["last_step"]).sum()
    moved = before != 0
    return torch.where(moved, 1 - now / torch.where(moved, before, 1), state["sharpness"])


def low_rank(gradient: Tensor, history: Tensor, step: Tensor, hyper: Hyper) -> Tensor:
    """(U^T U / k + damping trace I)^-1 g, for the k rows of U seen so far."""
    u_RN, g_N = history.flatten(1), gradient.flatten()
    gram_RR = u_RN @ u_RN.T
    trace = gram_RR.diagonal().sum()
    seen = torch.clamp(step, max=RANK)
    safe = torch.where(trace > 0, trace, torch.ones_like(trace))
    shift = hyper["damping"] * safe
    weights_R = torch.linalg.solve(
        gram_RR + shift * torch.eye(RANK, dtype=u_RN.dtype, device=u_RN.device), u_RN @ g_N
    )
    inverse_N: Tensor = (g_N - weights_R @ u_RN) * seen / shift
    return inverse_N.reshape(gradient.shape)


def diagonal(gradient: Tensor, squares: Tensor, hyper: Hyper) -> Tensor:
    """The gradient over (number of entries times squares, plus damping times their trace)."""
    trace = squares.sum()
    size = squares.numel() * squares + hyper["damping"] * trace
    return gradient / torch.where(size > 0, size, torch.ones_like(size))
