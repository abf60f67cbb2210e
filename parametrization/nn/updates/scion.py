"""Scion: steps of a fixed norm per kind of layer, along an average of gradients.

Source: Pethick et al. 2025, arXiv:2502.07529, Algorithms 1 (unconstrained: weight_decay 0) and 2
(constrained to the ball of `radius`: weight_decay 1, so that the rate is the weight of the new
point). The papers' momentum is 1 minus `momentum` here. One rate serves all layers; `radius` is
tuned per role on the proxy.

Unit of the learning rate: the layer's norm (dual_steps.py) over its radius.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.matrices import dual_steps
from parametrization.nn.updates.matrices.dual_steps import DualStep
from parametrization.nn.updates.update import GradientUpdate, Hyper, State, decayed, shrunk


def init(parameter: Tensor) -> State:
    """An average gradient of zero."""
    return {"mean": torch.zeros_like(parameter)}


def update_under(dual_step: DualStep) -> GradientUpdate:
    """Scion under the norm whose steepest unit step is `dual_step`."""

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
    ) -> tuple[Tensor, State]:
        mean = decayed(state["mean"], gradient, hyper["momentum"])
        step = dual_step(mean, hyper["epsilon"])
        length = hyper["learning_rate"] * hyper["radius"]
        return shrunk(parameter, hyper) - length * step, {"mean": mean}

    return update


update_spectral = update_under(dual_steps.spectral)
update_column = update_under(dual_steps.column_rms)
update_sign = update_under(dual_steps.sign)
update_rms = update_under(dual_steps.rms)
