"""Muon: momentum, orthogonalised; three conventions of its scale, which differ in width.

Source: Jordan et al. 2024 (original); Liu et al. 2025, arXiv:2502.16982, section 2.2
(match_rms_adamw); Yang, Simon & Bernstein 2023, arXiv:2310.17813 (spectral). Decoupled weight
decay uses the rate before the convention's factor, as `torch.optim.Muon` does.

| name                 | factor on the step      | unit of the learning rate                      |
|----------------------|-------------------------|------------------------------------------------|
| muon_spectral        | sqrt(out / in)          | RMS change of the output per RMS 1 of input    |
| muon_original        | sqrt(max(1, out / in))  | spectral norm; the same unit where out >= in   |
| muon_match_rms_adamw | 0.2 sqrt(max(out, in))  | RMS change of an entry, 0.2 of it (as AdamW's) |
"""

from collections.abc import Callable

import torch
from torch import Tensor

from parametrization.nn.updates.matrices.newton_schulz import orthogonalised
from parametrization.nn.updates.update import Hyper, State, decayed, shrunk
from parametrization.optimizers.built_in.muon import (
    root_of_longer_side,
    spectral_factor_of_at_least_one,
)
from parametrization.rules.width.matrix_norms import spectral_factor


def init(parameter: Tensor) -> State:
    """A momentum of zero."""
    return {"mean": torch.zeros_like(parameter)}


def update_spectral(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step that changes outputs by RMS 1 per RMS 1 of input at a rate of 1."""
    return _update(parameter, gradient, state, hyper, spectral_factor)


def update_original(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step in the convention of the first publication."""
    return _update(parameter, gradient, state, hyper, spectral_factor_of_at_least_one)


def update_match_rms_adamw(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step whose entries are as large as AdamW's."""
    return _update(parameter, gradient, state, hyper, _match_rms_adamw_factor)


def _match_rms_adamw_factor(fan_out: int, fan_in: int) -> float:
    return 0.2 * root_of_longer_side(fan_out, fan_in)


def direction(gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """The momentum, orthogonalised, and the new state."""
    mean = decayed(state["mean"], gradient, hyper["momentum"])
    ahead = decayed(mean, gradient, hyper["momentum"])  # Nesterov
    step = orthogonalised(ahead.flatten(1), hyper["epsilon"]).reshape(gradient.shape)
    return step, {"mean": mean}


def _update(
    parameter: Tensor,
    gradient: Tensor,
    state: State,
    hyper: Hyper,
    factor: Callable[[int, int], float],
) -> tuple[Tensor, State]:
    step, state = direction(gradient, state, hyper)
    rate = hyper["learning_rate"] * factor(*parameter.flatten(1).shape)
    return shrunk(parameter, hyper) - rate * step, state
