"""SOAP: Adam in the eigenbasis of Shampoo's factors.

Source: Vyas et al. 2024, arXiv:2409.11321, Algorithm 3, with the details of the authors' code: the
first gradient only starts the factors and moves nothing; bases are eigenvectors then, and after
that one step of power iteration and a QR decomposition per update, sorted by eigenvalue; decay
follows the step. A side longer than `longest_side` keeps the identity (one-sided SOAP, as for a
vocabulary). Tensors beyond two dimensions are flattened to [fan_out, rest].

Unit of the learning rate: change of an entry per update in the rotated basis, as Adam's.
"""

from typing import Final

import torch
from torch import Tensor

from parametrization.nn.updates.matrices.eigenbases import eigenbasis
from parametrization.nn.updates.update import (
    Hyper,
    State,
    counter,
    decayed,
    shrunk,
)

LONGEST_SIDE: Final = 10_000


def init(parameter: Tensor, *, longest_side: int = LONGEST_SIDE) -> State:
    """Everything at zero; the first gradient gives the bases."""
    state = {
        "updates": counter(parameter),  # gradients seen, the first included
        "mean": torch.zeros_like(parameter),
        "mean_square": torch.zeros_like(parameter.flatten(1)),
    }
    for side, size in zip(("left", "right"), parameter.flatten(1).shape, strict=True):
        if size <= longest_side:
            state[side] = parameter.new_zeros(size, size)
            state[f"{side}_basis"] = parameter.new_zeros(size, size)
    return state


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) (w - rate Q_L adam(Q_L^T g Q_R) Q_R^T), then new bases."""
    matrix = gradient.flatten(1)
    count, starting = state["updates"], state["updates"] == 0
    mean = decayed(state["mean"], gradient, hyper["beta1"])
    rotated = _rotated(matrix, state)
    mean_square = decayed(state["mean_square"], rotated.square(), hyper["beta2"])
    step = _step(mean.flatten(1), mean_square, count, state, hyper).reshape(parameter.shape)
    stepped = shrunk(parameter - hyper["learning_rate"] * step, hyper)
    new_state = {
        "updates": count + 1,
        "mean": torch.where(starting, state["mean"], mean),
        "mean_square": torch.where(starting, state["mean_square"], mean_square),
        **_factors(matrix, state, hyper),
    }
    return torch.where(starting, parameter, stepped), _with_new_bases(new_state, starting)


def _step(mean: Tensor, mean_square: Tensor, count: Tensor, state: State, hyper: Hyper) -> Tensor:
    first = 1 - hyper["beta1"] ** count
    second = (1 - hyper["beta2"] ** count).sqrt()
    adams = _rotated(mean, state) / (mean_square.sqrt() + hyper["epsilon"])
    return _rotated_back(adams * (second / first).to(mean.dtype), state)


def _rotated(matrix: Tensor, state: State) -> Tensor:
    """Q_L^T matrix Q_R."""
    if "left_basis" in state:
        matrix = state["left_basis"].mT @ matrix
    return matrix @ state["right_basis"] if "right_basis" in state else matrix


def _rotated_back(matrix: Tensor, state: State) -> Tensor:
    """Q_L matrix Q_R^T."""
    if "left_basis" in state:
        matrix = state["left_basis"] @ matrix
    return matrix @ state["right_basis"].mT if "right_basis" in state else matrix


def _factors(matrix: Tensor, state: State, hyper: Hyper) -> State:
    """Averages of G G^T and G^T G, and the bases as they were."""
    factors = {name: value for name, value in state.items() if name.endswith("_basis")}
    squares = {"left": matrix @ matrix.mT, "right": matrix.mT @ matrix}
    for side in squares.keys() & state.keys():
        factors[side] = decayed(state[side], squares[side], hyper["beta_factors"])
    return factors


def _with_new_bases(state: State, starting: Tensor) -> State:
    """Eigenvectors at the start, one orthogonal iteration later; second moments keep up."""
    new_state = dict(state)
    for axis, side in enumerate(("left", "right")):
        if side not in state:
            continue
        factor, basis = state[side], state[f"{side}_basis"]
        moved = factor @ basis
        order = torch.argsort((basis * moved).sum(0), descending=True)
        iterated, _ = torch.linalg.qr(moved[:, order])
        first = eigenbasis(factor)[1]
        new_state[f"{side}_basis"] = torch.where(starting, first, iterated)
        sorted_squares = new_state["mean_square"].index_select(axis, order)
        new_state["mean_square"] = torch.where(starting, new_state["mean_square"], sorted_squares)
    return new_state
