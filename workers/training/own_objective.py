"""Train and validate by the loss of a user's own task."""

from functools import cache

import torch
from torch import Tensor, nn

from parametrization.nn.check.contract import scalar_loss
from tuner.spec.families.own_task import OwnTask
from workers.datasets.data import Batch
from workers.own_tasks.opened import OpenTask, opened
from workers.training.objective import Objective


@cache
def objective(family: OwnTask) -> Objective:
    """The objective of the task that a specification names; one pair of functions a family."""
    return objective_of(opened(family))


def objective_of(task: OpenTask) -> Objective:
    """Its `loss`, held to what a loss is, and its `validate`."""

    def training(model: nn.Module, batch: Batch) -> Tensor:
        try:
            return scalar_loss(task.loss(model, batch.inputs))
        except ValueError as error:
            raise task.failed(str(error)) from error

    def validation(model: nn.Module, _batch: Batch) -> Tensor:
        return torch.tensor(task.validate(model), dtype=torch.float64)

    return Objective(training, validation)
