"""Train and validate by the loss of a user's own task."""

from functools import cache

import torch
from torch import Tensor, nn

from tuner.spec.families.own_task import OwnTask
from workers.datasets.data import Batch
from workers.own_tasks.opened import OpenTask, opened
from workers.training.objective import Objective


@cache
def objective(family: OwnTask) -> Objective:
    """Of the task that a specification names; one pair of functions a family."""
    return objective_of(opened(family))


def objective_of(task: OpenTask) -> Objective:
    """Its `loss`, held to what a loss is, and its `validate`."""

    def training(model: nn.Module, batch: Batch) -> Tensor:
        loss = task.loss(model, batch.inputs)
        if not isinstance(loss, Tensor):
            raise task.failed(f"loss returned a {type(loss).__name__}, not a tensor")
        if loss.dim():
            raise task.failed(
                f"loss returned a tensor of shape {list(loss.shape)}: return a scalar, the mean"
                " over the batch's predictions"
            )
        if torch.is_grad_enabled() and not loss.requires_grad:
            raise task.failed(
                "loss returned a tensor without a gradient: leave out detach, item and no_grad"
            )
        return loss

    def validation(model: nn.Module, _batch: Batch) -> Tensor:
        return torch.tensor(task.validate(model), dtype=torch.float64)

    return Objective(training, validation)
