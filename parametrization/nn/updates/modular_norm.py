"""Descent in the modular norm: unit steps per atom, a share of the rate per part of the model.

Source: Large et al. 2024, arXiv:2405.14813 (the norm, masses); Bernstein & Newhouse 2024,
arXiv:2410.21265 (steepest descent under it). The norm of a chain of well-normed atoms is the
largest of their own norms over their shares of the mass, hence a unit step gives each atom its
share. Average gradients replace gradients, as in the authors' code.

Unit of the learning rate: change of the model's output, to first order, for inputs of RMS 1.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.matrices import dual_steps
from parametrization.nn.updates.matrices.dual_steps import DualStep
from parametrization.nn.updates.update import GradientUpdate, Hyper, State, decayed, shrunk


def init(parameter: Tensor) -> State:
    """An average gradient of zero."""
    return {"mean": torch.zeros_like(parameter)}


def update_of(dual_step: DualStep) -> GradientUpdate:
    """Modular-norm descent for an atom whose steepest unit step is `dual_step`."""

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
    ) -> tuple[Tensor, State]:
        mean = decayed(state["mean"], gradient, hyper["momentum"])
        length = hyper["learning_rate"] * hyper["mass_share"]
        step = dual_step(mean, hyper["epsilon"])
        return shrunk(parameter, hyper) - length * step, {"mean": mean}

    return update


update_matrix = update_of(dual_steps.spectral_per_tap)
update_embedding = update_of(dual_steps.column_rms)
update_vector = update_of(dual_steps.rms)
