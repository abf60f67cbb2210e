"""Bring a model to step 0: initial tensors and forward multipliers."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from parametrization.nn.classification.own_multipliers import refuse_own_width_multiplier
from parametrization.nn.classification.residual_branches import refuse_plain_branches
from parametrization.nn.classification.rows import AFFINE
from parametrization.nn.classification.weight_norms import follow_directions
from parametrization.nn.layers import (
    ResidualSum,
    TiedReadout,
    WithMultiplier,
    is_mup_readout,
)
from parametrization.nn.parameter_names import (
    OwnedParameter,
    Place,
    if_flattened,
    owned_parameters,
    readers,
)
from parametrization.nn.readouts.multiplied_tensors import MultipliesTensors
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role


def initialise(
    model: nn.Module, scalings: Iterable[TensorScaling], generator: torch.Generator
) -> None:
    """Draw every tensor, reset running statistics and set every multiplier.

    Draws are made in fp32 on the generator's device, tensor by tensor in the order of
    `scalings`, so that a seed gives the same tensors in every precision, on every device and, if
    every process passes the same seed, under every sharding. Frozen tensors and those whose
    scaling keeps them stay as they are, and so do the statistic of a norm that is frozen and the
    multiplier of a readout that is; the row of an embedding's padding is zero.

    Raises:
        ValueError: if the scalings are not those of this model, if it is on the meta device, or if
            a tensor is to stay as it is and is nothing yet.

    """
    matched = list(match(model, scalings))
    refuse_without_memory(owned for owned, _ in matched)
    drawn = set[int]()
    with torch.no_grad():
        for owned, scaling in matched:
            if stays(owned, scaling):
                require_values(owned)
            else:
                _fill(owned.parameter, _padded(owned, initial_tensor(scaling, generator)))
                drawn.add(id(owned.parameter))
        follow_directions(model, drawn)
        for module in model.modules():
            if isinstance(module, _NormBase) and not is_frozen(module):
                module.reset_running_stats()
    _multiply_trained(model, matched)


def stays(owned: OwnedParameter, scaling: TensorScaling) -> bool:
    """True if the tensor starts as the model has it."""
    return scaling.kept or not owned.parameter.requires_grad


def is_frozen(module: nn.Module) -> bool:
    """True if the module has parameters and trains none of them."""
    own = [parameter.requires_grad for parameter in module.parameters(recurse=False)]
    return bool(own) and not any(own)


def refuse_without_memory(parameters: Iterable[OwnedParameter]) -> None:
    """Refuse a model on the meta device.

    Raises:
        ValueError: naming a tensor and what gives it memory.

    """
    for owned in parameters:
        if owned.parameter.is_meta:
            raise ValueError(
                f"{owned.name} is on the meta device: call"
                " parametrization.nn.initialise.materialise(model, device) first; model.to_empty"
                " alone would leave buffers and kept tensors at whatever was in memory"
            )


def materialise(model: nn.Module, device: torch.device | str) -> None:
    """Give a model built on the meta device its memory, for `initialise` to fill.

    Until then its tensors are NaN, so that no uninitialised memory is taken for a start; running
    statistics are reset.

    Raises:
        ValueError: if it has buffers that `initialise` will not fill (a table of angles): they
            would hold uninitialised memory.

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
            " them in forward, or build the model on its device instead"
        )
    norms = [m for m in model.modules() if isinstance(m, _NormBase)]
    fresh = [m for m in norms if any(buffer.is_meta for buffer in m.buffers(recurse=False))]
    names = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    model.to_empty(device=device)
    with torch.no_grad():
        for name in names:
            parameter = model.get_parameter(name)
            if parameter.is_floating_point():
                parameter.fill_(torch.nan)
    for norm in fresh:
        norm.reset_running_stats()


def initial_tensor(scaling: TensorScaling, generator: torch.Generator) -> Tensor:
    """One tensor as it is at step 0, fp32, on the generator's device."""
    empty = torch.empty(scaling.shape, dtype=torch.float32, device=generator.device)
    if scaling.init_std is None:
        assert scaling.constant is not None
        return empty.fill_(scaling.constant)
    return empty.normal_(std=scaling.init_std, generator=generator)


def set_trained_multipliers(model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
    """Set the forward multipliers of readouts that are trained, and nothing else.

    Raises:
        ValueError: if the scalings are not those of this model, or if a layer cannot multiply or
            does so by itself.

    """
    _multiply_trained(model, match(model, scalings))


def _multiply_trained(
    model: nn.Module, matched: Iterable[tuple[OwnedParameter, TensorScaling]]
) -> None:
    _multiply(model, (pair for pair in matched if pair[0].parameter.requires_grad))


def _multiply(model: nn.Module, matched: Iterable[tuple[OwnedParameter, TensorScaling]]) -> None:
    tied = {id(m.embedding): m for m in model.modules() if isinstance(m, TiedReadout)}
    given: dict[int, tuple[str, float]] = {}
    for owned, scaling in matched:
        if scaling.multiplier != 1:
            refuse_own_width_multiplier(model)
        for place in readers(owned):
            layer = tied.get(id(place.owner), place.owner)
            if is_mup_readout(layer):
                raise ValueError(_applied_by_mup(place))
            if isinstance(layer, WithMultiplier) and _is_multiplied(layer, place, scaling):
                first, other = given.setdefault(id(layer), (place.name, scaling.multiplier))
                if other != scaling.multiplier:
                    raise ValueError(
                        f"{first} needs the forward multiplier {other:g} and {place.name}"
                        f" {scaling.multiplier:g}, and {type(layer).__name__} has one: hold the two"
                        " in modules of their own"
                    )
                layer.multiplier = scaling.multiplier
            elif scaling.multiplier != 1:
                raise ValueError(_without_multiplier(place, layer, scaling.multiplier))


def _is_multiplied(layer: WithMultiplier, place: Place, scaling: TensorScaling) -> bool:
    if isinstance(layer, MultipliesTensors):
        return place.attribute in layer.multiplied
    return place.attribute == "weight" or scaling.role in (Role.OUTPUT, Role.MOE_ROUTER)


def _without_multiplier(place: Place, layer: nn.Module, multiplier: float) -> str:
    path = place.name.rpartition(".")[0]
    make = (
        f"layers.as_readout(model, {path!r})"
        if isinstance(layer, AFFINE)
        else f"readouts.multiplied_tensors.multiply_tensor(model, {place.name!r})"
    )
    return (
        f"{place.name} needs the forward multiplier {multiplier:g}, which {type(layer).__name__}"
        f" does not apply: call parametrization.nn.{make} when you build the model, make it a"
        " Router if it routes, or use the multiplier-free form"
    )


def _applied_by_mup(place: Place) -> str:
    path = place.name.rpartition(".")[0]
    return (
        f"{place.name} is of a {type(place.owner).__name__}, which divides by a width multiplier of"
        f" its own: call parametrization.nn.layers.as_readout(model, {path!r}), which leaves that"
        " to this package"
    )


def set_residual_multipliers(model: nn.Module, multiplier: float) -> None:
    """Set the factor on every residual branch: 1 / (depth / base depth) ** alpha.

    Raises:
        ValueError: if the factor is not 1 and nothing in the model is a `layers.ResidualSum`, or
            some branches are none.

    """
    sums = [module for module in model.modules() if isinstance(module, ResidualSum)]
    if multiplier != 1:
        if not sums:
            raise ValueError(
                f"the residual branches need the multiplier {multiplier:g}, and none is a"
                " parametrization.nn.layers.Residual: make x + f(x) a Residual(f)"
            )
        refuse_plain_branches(model, multiplier)
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
            f"{if_flattened(model)}"
        )
    for name, scaling in wanted.items():
        if tuple(owned[name].parameter.shape) != scaling.shape:
            raise ValueError(
                f"{name} is {tuple(owned[name].parameter.shape)} in the model and {scaling.shape}"
                " in the scalings: compute them for the width of this model; where a size is"
                " rounded to a multiple, choose a width at which it need not be"
                f"{if_flattened(model)}"
            )
        yield owned[name], scaling


def require_values(owned: OwnedParameter) -> None:
    """Refuse a tensor that is to stay as it is and was never set.

    Raises:
        ValueError: if an entry is not a number.

    """
    values = owned.parameter.detach()
    local = values.to_local() if hasattr(values, "to_local") else values
    if bool(local.isnan().any()):
        why = "frozen" if not owned.parameter.requires_grad else "kept"
        raise ValueError(
            f"{owned.name} starts as the model has it ({why}) and is not a number: load or set it"
            " first, or have it drawn by Declaration(.., initial='draw')"
        )


def _padded(owned: OwnedParameter, values: Tensor) -> Tensor:
    """Rows that mean padding start at zero, as torch's do, and have no gradient."""
    padding = getattr(owned.owner, "padding_idx", None)
    if isinstance(owned.owner, (nn.Embedding, nn.EmbeddingBag)) and padding is not None:
        values[padding] = 0
    return values


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
