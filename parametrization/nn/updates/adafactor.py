"""Adafactor: factored second moments, clipped updates, steps relative to the tensor's size.

Source: Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 and 5, in the form of
`torch.optim.Adafactor`: epsilon bounds the second moments from below where the paper adds it to
squared gradients; the rate never exceeds 1 / sqrt(step), so a peak rate of 0.1 decays by itself
after 100 updates; decay uses the rate before that bound. Second moments are factored along the last
two dimensions; vectors keep them whole.

Unit of the learning rate: RMS change relative to the RMS of the tensor per update.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import (
    Hyper,
    State,
    at_least,
    counter,
    decayed,
    shrunk,
)


def init(parameter: Tensor) -> State:
    """Second moments of zero: of rows and columns, or whole for a vector."""
    state = {"step": counter(parameter)}
    if parameter.dim() < 2:
        return {**state, "mean_square": torch.zeros_like(parameter)}
    return {
        **state,
        "row_mean_square": torch.zeros_like(parameter[..., :1]),
        "column_mean_square": torch.zeros_like(parameter[..., :1, :]),
    }


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - min(rate, 1 / sqrt(t)) RMS(w) clipped(g / sqrt(v))."""
    step = state["step"] + 1
    moments = _moments(gradient, state, 1 - step ** hyper["beta2_decay"])
    square = at_least(_mean_square(moments, hyper), hyper["epsilon"] * hyper["epsilon"])
    direction = gradient * square.rsqrt()
    direction = direction / at_least(_rms(direction) / hyper["clip_threshold"], 1.0)
    bounded = torch.minimum(hyper["learning_rate"] * torch.ones_like(step), step.rsqrt())
    relative = at_least(_rms(parameter), hyper["smallest_size"])
    length = (bounded * relative).to(parameter.dtype)
    return shrunk(parameter, hyper) - length * direction, {"step": step, **moments}


def _moments(gradient: Tensor, state: State, beta2: Tensor) -> State:
    square = gradient.square()
    if "mean_square" in state:
        return {"mean_square": decayed(state["mean_square"], square, beta2)}
    rows, columns = state["row_mean_square"], state["column_mean_square"]
    return {
        "row_mean_square": decayed(rows, square.mean(-1, keepdim=True), beta2),
        "column_mean_square": decayed(columns, square.mean(-2, keepdim=True), beta2),
    }


def _mean_square(moments: State, hyper: Hyper) -> Tensor:
    """Every entry's second moment; from a rank-one factorisation for matrices."""
    if "mean_square" in moments:
        return moments["mean_square"]
    rows, columns = moments["row_mean_square"], moments["column_mean_square"]
    return rows * columns / at_least(rows.mean(-2, keepdim=True), hyper["epsilon"])


def _rms(tensor: Tensor) -> Tensor:
    return tensor.square().mean().sqrt()
