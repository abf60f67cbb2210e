"""Descent in the modular norm: unit steps per atom, a share of the rate per part of the model.

Source: Large et al. 2024, arXiv:2405.14813 (the norm, masses); Bernstein & Newhouse 2024,
arXiv:2410.21265 (steepest descent under it). The norm of a chain of well-normed atoms is the
largest of their own norms over their shares of the mass, hence a unit step gives each atom its
share. Average gradients replace gradients, as in the authors' code.

Unit of the learning rate: change of the model's output, to first order, for inputs of RMS 1.
"""

from collections.abc import Callable
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


def modular(name: str, dual_step: DualStep, *, matrices_only: bool) -> GradientOptimizer:
    """Modular-norm descent for an atom whose steepest unit step is `dual_step`."""

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
    ) -> tuple[Tensor, State]:
        mean = decayed(state["mean"], gradient, hyper["momentum"])
        length = hyper["learning_rate"] * hyper["mass_share"]
        step = dual_step(mean, hyper["epsilon"])
        return shrunk(parameter, hyper) - length * step, {"mean": mean}

    return GradientOptimizer(
        name=name,
        degree=0,
        init=init,
        update=update,
        hyperparameters={
            "momentum": 0.95,
            "mass_share": 1.0,
            "epsilon": 1e-8,
            "weight_decay": 0.0,
        },
        matrices_only=matrices_only,
    )


MODULAR_MATRIX: Final = modular("modular_matrix", dual_steps.spectral_per_tap, matrices_only=True)
MODULAR_EMBEDDING: Final = modular("modular_embedding", dual_steps.column_rms, matrices_only=True)
MODULAR_VECTOR: Final = modular("modular_vector", dual_steps.rms, matrices_only=False)
