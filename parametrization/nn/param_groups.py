"""Scaled numbers as plain torch.optim parameter groups, optimizers and schedules."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from parametrization.nn.trainable import trainable
from parametrization.nn.watched_rates import watch
from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from parametrization.scaling.schedule import Schedule
from parametrization.scaling.tensor_scaling import TensorScaling

IN_TORCH: Final = frozenset({ADAM.name, ADAMW.name, SGD.name})
"""Optimizers that torch.optim has, with every number that they take."""


def param_groups(model: nn.Module, scalings: Iterable[TensorScaling]) -> list[dict[str, Any]]:
    """Parameter groups for torch.optim: `lr`, `weight_decay` and, for Adam and AdamW, `eps`.

    Tensors with equal numbers share a group. Every group states its own decay, so that no
    optimizer's default (0.01 in torch's AdamW) slips in. Parameters that require no gradient are
    in no group.

    Raises:
        ValueError: as `trainable`.

    """
    groups: dict[tuple[float, float, float | None], list[nn.Parameter]] = {}
    for owned, scaling in trainable(model, scalings):
        numbers = (scaling.learning_rate, scaling.weight_decay, scaling.epsilon)
        groups.setdefault(numbers, []).append(owned.parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        | ({} if epsilon is None else {"eps": epsilon})
        for (rate, decay, epsilon), parameters in groups.items()
    ]


def build_optimizer(
    groups: list[dict[str, Any]], optimizer: str, hyperparameters: Mapping[str, float]
) -> torch.optim.Optimizer:
    """The optimizer of torch.optim, with betas or momentum, which no width changes."""
    if optimizer == SGD.name:
        return torch.optim.SGD(groups, lr=0.0, momentum=hyperparameters["momentum"])
    betas = (hyperparameters["beta1"], hyperparameters["beta2"])
    if optimizer == ADAM.name:
        return torch.optim.Adam(groups, lr=0.0, betas=betas)
    return torch.optim.AdamW(groups, lr=0.0, betas=betas)


def multiplicative_schedule(
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    steps: int,
    model: nn.Module | None = None,
) -> LambdaLR:
    """LambdaLR that keeps the ratios between the groups' rates at every step.

    Call its `step()` after every update; after the last of `steps` the rate stays constant. Rates
    that leave the schedule are warned of (`watched_rates`).

    Args:
        model: the model that is trained; to notice parameters that were replaced since.

    """

    def factor(step: int) -> float:
        return schedule.factor(min(step, steps - 1), steps)

    scheduler = LambdaLR(optimizer, factor)
    watch(scheduler, factor, model)
    return scheduler
