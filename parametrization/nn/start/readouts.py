"""Give the output layers of a reader's own model the forward multiplier that they need."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import nn

from parametrization.nn.classification.rows import AFFINE
from parametrization.nn.initialise import initialise, match
from parametrization.nn.layers import TiedReadout, as_readout, is_mup_readout
from parametrization.nn.parameter_names import readers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

_MULTIPLIED: Final = frozenset({Role.OUTPUT, Role.MOE_ROUTER})


def add_readouts(
    model: nn.Module, scalings: Iterable[TensorScaling], *, at_one: bool = False
) -> None:
    """Make readouts of the layers that need a forward multiplier and have none.

    In place, by `layers.as_readout`: Linear and Bilinear layers, convolutions, routers by name.
    Readouts of `mup`'s lose their own multiplier, whatever the number is.

    Args:
        at_one: also of outputs and routers whose multiplier is 1 here: models that are to train
            together need the same layers whatever each one's multiplier is.

    Raises:
        ValueError: if the scalings are not those of this model, or if a layer cannot be one.

    """
    held = {id(m.embedding) for m in model.modules() if isinstance(m, TiedReadout)}
    paths = {id(module): path for path, module in model.named_modules()}
    for owned, scaling in match(model, scalings):
        for place in readers(owned):
            layer = place.owner
            is_changed = scaling.multiplier != 1 and owned.parameter.requires_grad
            multiplied = is_changed or (at_one and scaling.role in _MULTIPLIED)
            needs_one = multiplied and id(layer) not in held
            if is_mup_readout(layer) or (needs_one and _can_multiply(layer, scaling)):
                as_readout(model, paths[id(layer)])


def draw_start(
    model: nn.Module, scalings: Iterable[TensorScaling], generator: torch.Generator
) -> None:
    """Bring a model to step 0 by `initialise`, its output layers made readouts first.

    Raises:
        ValueError: as both.

    """
    listed = list(scalings)
    add_readouts(model, listed)
    initialise(model, listed, generator)


def _can_multiply(layer: nn.Module, scaling: TensorScaling) -> bool:
    return isinstance(layer, (*AFFINE, nn.Bilinear)) or scaling.role is Role.MOE_ROUTER
