"""Hyperball: any step, at a fixed Frobenius norm of the weights and of the update.

Source: Wen et al. 2026, arXiv:2606.16899: w <- R normalised(w - rate R normalised(u)), with R the
norm of the weights at their start and u the step of Adam (AdamH) or of Muon (MuonH). There is no
weight decay: to first order it would change nothing (Ren et al. 2026, arXiv:2603.28743).

Unit of the learning rate: relative change of a matrix per update.
"""

import torch
from torch import Tensor

from parametrization.nn.updates import adam, muon
from parametrization.nn.updates.update import Hyper, State

_RADIUS = "radius"


def init_adam(parameter: Tensor) -> State:
    """Both moments at zero, and the norm to keep."""
    return adam.init(parameter) | _radius(parameter)


def init_muon(parameter: Tensor) -> State:
    """A momentum of zero, and the norm to keep."""
    return muon.init(parameter) | _radius(parameter)


def update_adam(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """Adam's direction, on the sphere."""
    step, moments = adam.direction(gradient, state, hyper)
    return _on_the_sphere(parameter, step, state, hyper), moments | _kept(state)


def update_muon(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """Muon's direction, on the sphere."""
    step, momentum = muon.direction(gradient, state, hyper)
    return _on_the_sphere(parameter, step, state, hyper), momentum | _kept(state)


def _radius(parameter: Tensor) -> State:
    return {_RADIUS: torch.linalg.vector_norm(parameter)}


def _kept(state: State) -> State:
    return {_RADIUS: state[_RADIUS]}


def _on_the_sphere(parameter: Tensor, step: Tensor, state: State, hyper: Hyper) -> Tensor:
    radius = state[_RADIUS]
    moved = parameter - hyper["learning_rate"] * radius * _normalised(step)
    return radius * _normalised(moved)


def _normalised(tensor: Tensor) -> Tensor:
    """Of norm 1; zero where the tensor is."""
    norm = torch.linalg.vector_norm(tensor)
    return tensor / torch.where(norm == 0, 1.0, norm)
