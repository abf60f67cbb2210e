"""Scion: steps of a fixed norm per kind of layer, along an average of gradients.

Source: Pethick et al. 2025, arXiv:2502.07529, Algorithms 1 (unconstrained: weight_decay 0) and 2
(constrained to the ball of `radius`: weight_decay 1, so that the rate is the weight of the new
point). The papers' momentum is 1 minus `momentum` here. One rate serves all layers; `radius` is
tuned per role on the proxy.

Unit of the learning rate: the layer's norm (dual_steps.py) over its radius.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor

from parametrization.nn.updates import dual_steps
from parametrization.nn.updates.update import (
    GradientOptimizer,
    Hyper,
    Number,
    State,
    decayed,
    shrunk,
)

DualStep: TypeAlias = Callable[[Tensor, Number], Tensor]


def init(parameter: Tensor) -> State:
    """An average gradient of zero."""
    return {"mean": torch.zeros_like(parameter)}


def scion(name: str, dual_step: DualStep, *, matrices_only: bool) -> GradientOptimizer:
    """Scion under the norm whose steepest unit step is `dual_step`."""

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
    ) -> tuple[Tensor, State]:
        mean = decayed(state["mean"], gradient, hyper["momentum"])
        step = dual_step(mean, hyper["epsilon"])
        length = hyper["learning_rate"] * hyper["radius"]
        return shrunk(parameter, hyper) - length * step, {"mean": mean}

    return GradientOptimizer(
        name=name,
        degree=0,
        init=init,
        update=update,
        hyperparameters={"momentum": 0.9, "radius": 1.0, "epsilon": 1e-8, "weight_decay": 0.0},
        matrices_only=matrices_only,
    )


_MATRIX_STEPS: Final[Mapping[str, DualStep]] = {
    "scion_column": dual_steps.column_rms,
    "scion_spectral": dual_steps.spectral,
    "scion_spectral_at_least_one": dual_steps.spectral_at_least_one,
    "scion_sign": dual_steps.sign,
    "scion_sign_over_fan_in": dual_steps.sign_over_fan_in,
}

SCION: Final[tuple[GradientOptimizer, ...]] = (
    *(scion(name, step, matrices_only=True) for name, step in _MATRIX_STEPS.items()),
    scion("scion_rms", dual_steps.rms, matrices_only=False),
)
