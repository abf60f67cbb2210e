"""Bring the start that a model has by itself to the sizes of muP, instead of drawing another."""

from collections.abc import Iterable

import torch
from torch import nn

from parametrization.nn.classification.weight_norms import weight_norms
from parametrization.nn.initialise import (
    match,
    refuse_without_memory,
    require_values,
    set_trained_multipliers,
    stays,
)
from parametrization.scaling.own_start import own_start_factors
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape


def scale_own_start(
    model: nn.Module, shape: ModelShape, scalings: Iterable[TensorScaling], width_multiplier: float
) -> None:
    """Multiply every tensor of the model by its factor, and set every forward multiplier.

    Once: called again it multiplies again. Frozen and kept tensors, those of one value (zeros, a
    norm's gain) and running statistics stay as they are.

    Raises:
        ValueError: if the scalings are not those of this model, if a tensor is not a number, if
            `mup` scaled the model before, or if it is unknown how a tensor's start follows width.

    """
    matched = list(match(model, scalings))
    refuse_without_memory(owned for owned, _ in matched)
    factors = own_start_factors(shape, (scaling for _, scaling in matched), width_multiplier)
    _refuse_scaled_by_mup(model)
    names = {id(owned.parameter): owned.name for owned, _ in matched}
    # The weight is the direction times their ratio: as it grows, so does its magnitude.
    leads = {
        names[id(normed.magnitude)]: names[id(normed.direction)] for normed in weight_norms(model)
    }
    factor_of: dict[str, float] = {}
    for owned, scaling in matched:
        require_values(owned)
        is_free = not stays(owned, scaling) and not _is_one_value(owned.parameter)
        factor = factors[leads.get(owned.name, owned.name)] if is_free else 1.0
        if factor is None:
            raise ValueError(_unknown(owned.name))
        factor_of[owned.name] = factor
    with torch.no_grad():
        for owned, _ in matched:
            if (factor := factor_of[owned.name]) != 1:
                owned.parameter.mul_(factor)
    set_trained_multipliers(model, [scaling for _, scaling in matched])


def _is_one_value(parameter: nn.Parameter) -> bool:
    values = parameter.detach().flatten()
    return not values.numel() or bool((values == values[0]).all())


def _refuse_scaled_by_mup(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if getattr(module, "_has_rescaled_params", False):
            raise ValueError(
                f"mup.set_base_shapes has scaled the start of {path} already: pass it"
                " rescale_params=False, or build the model without it"
            )


def _unknown(name: str) -> str:
    return (
        f"it is unknown how the start of {name} follows width: derive the shape from base and delta"
        " models with memory, the delta at twice the width or more; where that does not tell it"
        " (a size that is no power of width, as Xavier's between a wide and a fixed dimension),"
        " use initial='draw', or declare the tensor with initial='keep'"
    )
