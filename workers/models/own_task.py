"""The model of a user's own task."""

from fnmatch import fnmatchcase

from torch import nn

from parametrization.nn.layers import as_readout
from parametrization.nn.models.layers.parts import Declared
from parametrization.nn.parameter_names import owned_parameters
from parametrization.shapes.roles import Role
from tuner.spec.datasets.own_batches import OwnBatches
from tuner.spec.families.own_task import OwnTask
from workers.own_tasks.opened import OpenTask, opened


def build(family: OwnTask, _dataset: OwnBatches, width: int) -> nn.Module:
    """As its class builds it, with the depth of the specification.

    Layers that it declares to be outputs become readouts, whose multiplier the rules set.
    """
    task = opened(family)
    return with_readouts(task, task.model(width, family.depth))


def with_readouts(task: OpenTask, model: nn.Module) -> nn.Module:
    """The model, its declared outputs replaced by readouts with the same tensors, in place."""
    for owned in list(owned_parameters(model)):
        declared = next((r for p, r in task.roles.items() if fnmatchcase(owned.name, p)), None)
        is_weight = owned.attribute == "weight" and declared is Role.OUTPUT
        if is_weight and type(owned.owner) in (nn.Linear, nn.Conv1d, nn.Conv2d):
            as_readout(model, owned.name.removesuffix(".weight"))
    return model


def roles(family: OwnTask) -> Declared:
    """Declared by its class."""
    return opened(family).roles


def blocks(family: OwnTask) -> tuple[str, ...]:
    """Patterns of tensors in residual blocks, declared by its class."""
    return opened(family).blocks
