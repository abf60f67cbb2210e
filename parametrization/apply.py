"""A tuned recommendation applied to the reader's own model, in one call."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from parametrization.initialise import initialise
from parametrization.param_groups import (
    Schedule,
    build_optimizer,
    multiplicative_schedule,
    param_groups,
)
from parametrization.roles import ModelShape
from parametrization.rules import Optimizer, Parametrization
from parametrization.scaling import scale_model


class Prepared(NamedTuple):
    """What trains the model: `optimizer.step()`, then `schedule.step()`."""

    optimizer: torch.optim.Optimizer
    schedule: LambdaLR


def apply(
    model: nn.Module,
    shape: ModelShape,
    *,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    width: int,
    schedule: Schedule,
    seed: int,
) -> Prepared:
    """Initialise `model` under muP, set its multipliers, and build what trains it.

    Args:
        model: of width `width`, its output layer a `parametrization.layers.Readout`; a compiled
            or data-parallel wrapper around it will do. Changed in place.
        shape: base shapes, from `derive_model_shape`, a .bsh file or a recommendation.
        hyperparameters: at the base width, as in `scale_tensor`.
        seed: of the initial tensors.

    Raises:
        ValueError: if model and shape are not of one kind, or a hyperparameter is wrong.

    """
    scalings = scale_model(
        shape,
        optimizer=optimizer,
        parametrization=Parametrization.MUP,
        hyperparameters=hyperparameters,
        width=width,
    )
    initialise(model, scalings, torch.Generator().manual_seed(seed))
    stepping = build_optimizer(param_groups(model, scalings), optimizer, hyperparameters)
    return Prepared(stepping, multiplicative_schedule(stepping, schedule))
