"""Sign descent as steepest descent under the layerwise l1 -> l-infinity norm.

Source: Bernstein & Newhouse 2024, arXiv:2409.20325, Proposition 2. The norm of all changes is
max over tensors l of max_ij |D_l,ij| / r_l; minimising <G, D> + (sharpness / 2) ||D||^2 gives
D_l = -(1 / sharpness) (sum over k of r_k ||G_k||_1) r_l sign(G_l): one length for all tensors, the
dual norm of the whole gradient. `radius` r_l is 1 in the paper; width rules act on it, so that the
step stays the steepest one.

Unit of the learning rate: 1 / sharpness, squared parameter per loss.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, shrunk


def contribution(gradient: Tensor, hyper: Hyper) -> Tensor:
    """This tensor's part r ||G||_1 of the dual norm."""
    return hyper["radius"] * gradient.abs().sum()


def update(
    parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, dual_norm: Tensor
) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - rate dual_norm r sign(g)."""
    length = hyper["learning_rate"] * hyper["radius"] * dual_norm
    return shrunk(parameter, hyper) - length * torch.sign(gradient), state
