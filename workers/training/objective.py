"""Losses that models are trained and validated by, as their family declares them."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch
from workers.references import imported

Loss: TypeAlias = Callable[[nn.Module, Batch], Tensor]
"""(model, batch) -> scalar, the mean over the batch where it is a mean."""


class Objective(NamedTuple):
    """Training loss and validation of one family."""

    training: Loss
    """Its gradient is followed."""
    validation: Loss
    """Of the model in evaluation mode on held-out batches; positive, lower is better."""


def batch_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean over all predictions, scalar.

    Classes (integer targets): cross entropy in nats. Numbers (floating targets): squared error, in
    the square of their unit.
    """
    predicted = model(batch.inputs)
    if batch.targets.is_floating_point():
        return functional.mse_loss(predicted, batch.targets)
    return functional.cross_entropy(predicted.flatten(0, -2), batch.targets.flatten())


def objective(family: ModelFamily) -> Objective:
    """The objective that models of the family are trained and validated by."""
    found: Objective = imported(family.objective)(family)
    return found


def of_declared_losses(family: ModelFamily) -> Objective:
    """The objective of a family that declares its losses."""
    return Objective(imported(family.training_loss), imported(family.validation_loss))
