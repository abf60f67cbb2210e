"""Brings a model to step 0: initial tensors and forward multipliers."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from parametrization.layers import Readout
from parametrization.parameter_names import OwnedParameter, owned_parameters
from parametrization.scaling import TensorScaling


def initialise(
    model: nn.Module, scalings: Iterable[TensorScaling], generator: torch.Generator
) -> None:
    """Draw every tensor and set every readout's multiplier.

    Draws are made in fp32 on the generator's device, tensor by tensor in the order of
    `scalings`, so that a seed gives the same tensors in every precision and on every device.

    Raises:
        ValueError: if the scalings are not those of this model, or if it is on the meta device.

    """
    matched = list(match(model, scalings))
    for owned, _ in matched:
        if owned.parameter.is_meta:
            raise ValueError(
                f"{owned.name} is on the meta device: call model.to_empty(device=...) first"
            )
    with torch.no_grad():
        for owned, scaling in matched:
            owned.parameter.copy_(initial_tensor(scaling, generator))
    set_multipliers(model, [scaling for _, scaling in matched])


def initial_tensor(scaling: TensorScaling, generator: torch.Generator) -> torch.Tensor:
    """One tensor as it is at step 0, fp32, on the generator's device."""
    empty = torch.empty(scaling.shape, dtype=torch.float32, device=generator.device)
    if scaling.init_std is None:
        assert scaling.constant is not None
        return empty.fill_(scaling.constant)
    return empty.normal_(std=scaling.init_std, generator=generator)


def set_multipliers(model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
    """Set every readout's forward multiplier and nothing else: for weights loaded from a file.

    Raises:
        ValueError: if the scalings are not those of this model.

    """
    for owned, scaling in match(model, scalings):
        if isinstance(owned.owner, Readout) and owned.attribute == "weight":
            owned.owner.multiplier = scaling.multiplier
        elif scaling.multiplier != 1:
            raise ValueError(
                f"{owned.name} needs the forward multiplier {scaling.multiplier:g}, which"
                f" {type(owned.owner).__name__} does not apply: use parametrization.layers.Readout"
            )


def match(
    model: nn.Module, scalings: Iterable[TensorScaling]
) -> Iterator[tuple[OwnedParameter, TensorScaling]]:
    """Each scaling with its parameter, in the order of the scalings.

    Raises:
        ValueError: if names or shapes differ.

    """
    owned = {parameter.name: parameter for parameter in owned_parameters(model)}
    wanted = {scaling.name: scaling for scaling in scalings}
    if owned.keys() != wanted.keys():
        raise ValueError(
            "the scalings are of another model; only in the model:"
            f" {', '.join(sorted(owned.keys() - wanted.keys())) or 'none'};"
            f" only in the scalings: {', '.join(sorted(wanted.keys() - owned.keys())) or 'none'}"
        )
    for name, scaling in wanted.items():
        if tuple(owned[name].parameter.shape) != scaling.shape:
            raise ValueError(
                f"{name} is {tuple(owned[name].parameter.shape)} in the model and {scaling.shape}"
                " in the scalings: compute them for the width of this model"
            )
        yield owned[name], scaling
