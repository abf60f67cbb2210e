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

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from parametrization.nn.updates.newton_schulz import orthogonalised
from parametrization.nn.updates.update import GradientOptimizer, Hyper, State, decayed, shrunk

SCALES: Final[dict[str, Callable[[int, int], float]]] = {
    "muon_spectral": lambda fan_out, fan_in: math.sqrt(fan_out / fan_in),
    "muon_original": lambda fan_out, fan_in: math.sqrt(max(1, fan_out / fan_in)),
    "muon_match_rms_adamw": lambda fan_out, fan_in: 0.2 * math.sqrt(max(fan_out, fan_in)),
}
"""Factor on the orthogonalised step from (fan_out, fan_in)."""


def init(parameter: Tensor) -> State:
    """A momentum of zero."""
    return {"mean": torch.zeros_like(parameter)}


def muon(name: str, iteration_dtype: torch.dtype | None = None) -> GradientOptimizer:
    """Muon in the convention called `name`, one of `SCALES`.

    Args:
        iteration_dtype: of the Newton-Schulz iteration; the gradient's own if None.

    """
    scale = SCALES[name]

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
    ) -> tuple[Tensor, State]:
        mean = decayed(state["mean"], gradient, hyper["momentum"])
        ahead = decayed(mean, gradient, hyper["momentum"])  # Nesterov
        matrix = ahead.flatten(1)
        step = orthogonalised(matrix, hyper["epsilon"], iteration_dtype).reshape(parameter.shape)
        rate = hyper["learning_rate"] * scale(*matrix.shape)
        return shrunk(parameter, hyper) - rate * step, {"mean": mean}

    return GradientOptimizer(
        name=name,
        degree=0,
        init=init,
        update=update,
        hyperparameters={"momentum": 0.95, "epsilon": 1e-7, "weight_decay": 0.0},
        matrices_only=True,
    )


MUON_SPECTRAL, MUON_ORIGINAL, MUON_MATCH_RMS_ADAMW = map(muon, SCALES)
