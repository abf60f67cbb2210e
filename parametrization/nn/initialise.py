"""Bring a model to step 0: initial tensors and forward multipliers."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from parametrization.nn.layers import ResidualSum, TiedReadout, WithMultiplier
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters
from parametrization.scaling.tensor_scaling import TensorScaling


def initialise(
    model: nn.Module, scalings: Iterable[TensorScaling], generator: torch.Generator
) -> None:
    """Draw every tensor, reset running statistics and set every multiplier.

    Draws are made in fp32 on the generator's device, tensor by tensor in the order of
    `scalings`, so that a seed gives the same tensors in every precision, on every device and, if
    every process passes the same seed, under every sharding.

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
            _fill(owned.parameter, initial_tensor(scaling, generator))
        for module in model.modules():
            if isinstance(module, _NormBase):
                module.reset_running_stats()
    set_multipliers(model, [scaling for _, scaling in matched])


def materialise(model: nn.Module, device: torch.device | str) -> None:
    """Give a model built on the meta device its memory, for `initialise` to fill.

    Raises:
        ValueError: if it has buffers that `initialise` will not fill (a table of angles): they
            would hold whatever was in memory.

    """
    unknown = [
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.is_meta and not isinstance(module, _NormBase)
    ]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: buffers on the meta device have lost their values; compute"
            " them in forward, or call model.to_empty(device=...) and set them yourself"
        )
    model.to_empty(device=device)


def initial_tensor(scaling: TensorScaling, generator: torch.Generator) -> Tensor:
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
    tied = {id(m.embedding): m for m in model.modules() if isinstance(m, TiedReadout)}
    for owned, scaling in match(model, scalings):
        layer = tied.get(id(owned.owner), owned.owner)
        if isinstance(layer, WithMultiplier) and owned.attribute == "weight":
            layer.multiplier = scaling.multiplier
        elif scaling.multiplier != 1:
            raise ValueError(
                f"{owned.name} needs the forward multiplier {scaling.multiplier:g}, which"
                f" {type(layer).__name__} does not apply: call parametrization.nn.layers"
                f".as_readout(model, {owned.name.rpartition('.')[0]!r}) when you build the model,"
                " make it a Router if it routes, or use the multiplier-free form"
            )


def set_residual_multipliers(model: nn.Module, multiplier: float) -> None:
    """Set the factor on every residual branch: 1 / (depth / base depth) ** alpha.

    Raises:
        ValueError: if nothing in the model is a `layers.ResidualSum` and the factor is not 1.

    """
    sums = [module for module in model.modules() if isinstance(module, ResidualSum)]
    if not sums and multiplier != 1:
        raise ValueError(
            f"the residual branches need the multiplier {multiplier:g}, and none is a"
            " parametrization.nn.layers.Residual: make x + f(x) a Residual(f)"
        )
    for one in sums:
        one.multiplier = multiplier


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


def _fill(parameter: nn.Parameter, values: Tensor) -> None:
    """Copy; into a sharded parameter, this process's shard alone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # Importing it takes a second that nobody without processes should wait.
        from torch.distributed.tensor import DTensor, distribute_tensor

        if isinstance(parameter.data, DTensor):
            sharded = distribute_tensor(
                values.to(parameter.device),
                parameter.data.device_mesh,
                parameter.data.placements,
                src_data_rank=None,  # every process drew the same values
            )
            parameter.data.to_local().copy_(sharded.to_local())
            return
    parameter.copy_(values)
