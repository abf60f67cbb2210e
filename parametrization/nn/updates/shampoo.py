"""Shampoo: a matrix preconditioned from both sides; two exponents, and grafted to Adam.

Source: Gupta, Koren & Singer 2018, arXiv:1802.09568, Algorithm 1 (exponents 1/4, sums of squares:
beta2 = 1 here); Morwani et al. 2024, arXiv:2406.17748 (exponents 1/2: the square of the former is
the better approximation of full AdaGrad); Anil et al. 2020, arXiv:2002.09018, section 4 (grafting);
Shi et al. 2023, arXiv:2309.06497 (averages and their bias corrections). Tensors beyond two
dimensions are flattened to [fan_out, rest].

| name            | step                               | degree | unit of the learning rate   |
|-----------------|------------------------------------|--------|-----------------------------|
| shampoo_quarter | L^-1/4 M R^-1/4                    | 0      | about Muon's: spectral norm |
| shampoo_half    | L^-1/2 M R^-1/2                    | -1     | parameter times gradient    |
| shampoo_grafted | that of quarter, as long as Adam's | 0      | Adam's                      |
"""

import torch
from torch import Tensor

from parametrization.nn.updates import adam
from parametrization.nn.updates.matrices.eigenbases import inverse_root
from parametrization.nn.updates.update import (
    Hyper,
    Number,
    State,
    counter,
    decayed,
    shrunk,
)


def init(parameter: Tensor) -> State:
    """Factors of zero."""
    rows, columns = parameter.flatten(1).shape
    return {
        "step": counter(parameter),
        "mean": torch.zeros_like(parameter),
        "left": parameter.new_zeros(rows, rows),
        "right": parameter.new_zeros(columns, columns),
    }


def direction(
    gradient: Tensor, state: State, hyper: Hyper, *, power: float
) -> tuple[Tensor, State]:
    """The preconditioned momentum, and the new state."""
    matrix = gradient.flatten(1)
    beta1, beta2, step = hyper["beta1"], hyper["beta2"], state["step"] + 1
    mean = decayed(state["mean"], gradient, beta1)
    left = _accumulated(state["left"], matrix @ matrix.mT, beta2)
    right = _accumulated(state["right"], matrix.mT @ matrix, beta2)
    left_root, right_root = (_root(factor, step, hyper, power) for factor in (left, right))
    corrected = mean.flatten(1) / (1 - beta1**step)
    direction = (left_root @ corrected @ right_root).reshape(gradient.shape)
    return direction, {"step": step, "mean": mean, "left": left, "right": right}


def _weight(beta2: Number, like: Tensor) -> Tensor:
    """Weight of the newest square: 1 - beta2, or 1 if beta2 = 1, for plain sums."""
    fresh = torch.ones_like(like) * (1 - beta2)
    return torch.where(fresh == 0, 1.0, fresh)


def _accumulated(factor: Tensor, square: Tensor, beta2: Number) -> Tensor:
    return beta2 * factor + _weight(beta2, factor.new_zeros(())) * square


def _root(factor: Tensor, step: Tensor, hyper: Hyper, power: float) -> Tensor:
    """(factor, corrected for its start at zero, + epsilon I) ** -power."""
    started = torch.ones_like(step) - hyper["beta2"] ** step
    corrected = factor / torch.where(started == 0, 1.0, started).to(factor.dtype)
    identity = torch.eye(factor.shape[0], dtype=factor.dtype, device=factor.device)
    return inverse_root(corrected + hyper["epsilon"] * identity, power)


def update_quarter(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - rate L^-1/4 M R^-1/4."""
    return _update(parameter, gradient, state, hyper, power=1 / 4)


def update_half(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - rate L^-1/2 M R^-1/2."""
    return _update(parameter, gradient, state, hyper, power=1 / 2)


def _update(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, *, power: float
) -> tuple[Tensor, State]:
    step, state = direction(gradient, state, hyper, power=power)
    return shrunk(parameter, hyper) - hyper["learning_rate"] * step, state


def init_grafted(parameter: Tensor) -> State:
    """Shampoo's state and the mean of squares that Adam divides by."""
    return {**init(parameter), "mean_square": torch.zeros_like(parameter)}


def update_grafted(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """Shampoo's direction at the Frobenius norm of Adam's step."""
    lengths = {**hyper, "epsilon": hyper["epsilon_graft"]}
    adams, adam_state = adam.direction(gradient, state, lengths)
    shampoos, state = direction(gradient, state, hyper, power=1 / 4)
    norm = torch.linalg.vector_norm(shampoos)
    length = torch.linalg.vector_norm(adams)
    step = shampoos * torch.where(norm == 0, 0.0, length / norm)
    new_parameter = shrunk(parameter, hyper) - hyper["learning_rate"] * step
    return new_parameter, {**state, "mean_square": adam_state["mean_square"]}
