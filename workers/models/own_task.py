"""The model of a user's own task."""

from torch import nn

from parametrization.nn.models.layers.parts import Declared
from tuner.spec.datasets.own_batches import OwnBatches
from tuner.spec.families.own_task import OwnTask
from workers.own_tasks.opened import opened


def build(family: OwnTask, _dataset: OwnBatches, width: int) -> nn.Module:
    """The model that the task's class builds, with the depth of the specification."""
    return opened(family).model(width, family.depth)


def roles(family: OwnTask) -> Declared:
    """Declared by its class."""
    return opened(family).roles


def blocks(family: OwnTask) -> tuple[str, ...]:
    """Patterns of tensors in residual blocks, declared by its class."""
    return opened(family).blocks


def fixed_starts(family: OwnTask) -> tuple[str, ...]:
    """Names of matrices whose starts its class computes or reads instead of drawing them."""
    return opened(family).fixed_starts(family.depth)
