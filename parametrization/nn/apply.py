"""A tuned recommendation applied to the reader's own model, in one call."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from parametrization.nn.initialise import initialise, set_residual_multipliers
from parametrization.nn.param_groups import multiplicative_schedule
from parametrization.nn.stepping import optimizer_for
from parametrization.rules.depth import residual_multiplier
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multiplier_free import multiplier_free as without_multipliers
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES
from parametrization.shapes.roles import ModelShape


class Prepared(NamedTuple):
    """What trains the model: `optimizer.step()`, then `schedule.step()`."""

    optimizer: torch.optim.Optimizer
    schedule: LambdaLR


def apply(  # noqa: PLR0913  # one keyword per choice, the rarer ones with a default
    model: nn.Module,
    shape: ModelShape,
    hyperparameters: Mapping[str, float],
    multipliers: Multipliers,
    *,
    optimizer: str,
    schedule: Schedule,
    steps: int,
    seed: int,
    policies: Policies = DEFAULT_POLICIES,
    multiplier_free: bool = False,
) -> Prepared:
    """Initialise `model` under muP, set its multipliers, and build what trains it.

    Args:
        model: the target, its output layer a `parametrization.nn.layers.Readout`; a compiled,
            sharded or data-parallel one will do, also one on the meta device after
            `initialise.materialise`. Changed in place.
        shape: base shapes, from `derive_model_shape`, a .bsh file or a recommendation.
        hyperparameters: at the base, as in `scale`.
        multipliers: target over base.
        steps: updates of training that the schedule spans.
        seed: of the initial tensors; the same in every process.
        multiplier_free: for a forward pass that cannot be changed: multipliers move into initial
            tensors, rates and epsilon. The readout may then be a plain Linear, declared
            Role.OUTPUT when the shape was derived. Gradients must not be clipped by global norm.

    Raises:
        ValueError: if model and shape are not of one kind, or a hyperparameter is wrong.

    """
    scalings = scale(shape, hyperparameters, multipliers, optimizer=optimizer, policies=policies)
    if multiplier_free:
        scalings = without_multipliers(scalings, tied=[t.name for t in shape.tensors if t.tied])
    initialise(model, scalings, torch.Generator().manual_seed(seed))
    branch = residual_multiplier(policies.depth_rule, policies.alpha, multipliers.depth)
    set_residual_multipliers(model, branch)
    stepping = optimizer_for(model, scalings)
    return Prepared(stepping, multiplicative_schedule(stepping, schedule, steps, model))
