"""Give the output layers of a reader's own model the forward multiplier that they need."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import nn

from parametrization.nn.classification.rows import AFFINE
from parametrization.nn.initialise import initialise, match
from parametrization.nn.layers import TiedReadout, WithMultiplier, as_readout, is_mup_readout
from parametrization.nn.parameter_names import readers
from parametrization.nn.readouts.multiplied_tensors import MultipliesTensors, multiply_tensor
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

_LAYERS: Final = (*AFFINE, nn.Bilinear)
_MULTIPLIED: Final = frozenset({Role.OUTPUT, Role.MOE_ROUTER})


def add_readouts(
    model: nn.Module, scalings: Iterable[TensorScaling], *, at_one: bool = False
) -> None:
    """Make readouts of the layers that need a forward multiplier and have none.

    In place, by `layers.as_readout`: Linear and Bilinear layers and convolutions. Of other modules
    the tensor alone is multiplied, by `multiplied_tensors.multiply_tensor`. Readouts of `mup`'s
    lose their own multiplier in any case.

    Args:
        at_one: also of outputs and routers whose multiplier is 1 here: models that are to train
            together need the same layers, also if only some of their multipliers are 1.

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
            if is_mup_readout(layer) or (needs_one and isinstance(layer, _LAYERS)):
                as_readout(model, paths[id(layer)])
            elif needs_one and _may_multiply(layer):
                path = paths[id(layer)]
                multiply_tensor(model, f"{path}.{place.attribute}" if path else place.attribute)


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


def _may_multiply(layer: nn.Module) -> bool:
    """True if the module has no multiplier of another kind."""
    plain = not isinstance(layer, (WithMultiplier, nn.Embedding, nn.EmbeddingBag))
    return plain or isinstance(layer, MultipliesTensors)
