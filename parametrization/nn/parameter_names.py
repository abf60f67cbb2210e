"""Parameters by the name they have in the bare model, without the names that wrappers add."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from torch import nn
from torch.nn.parameter import is_lazy

_PARALLEL: Final = "module."
"""Prefix that (Distributed)DataParallel puts before every name."""
_FLATTENER: Final = "_fsdp_wrapped_module"
_WRAPPERS: Final = ("_orig_mod", "_checkpoint_wrapped_module", _FLATTENER)
"""Parts of names that compilation, activation checkpoints and FSDP add, for model or layers."""


class Place(NamedTuple):
    """A module's attribute that holds a parameter, by its name in the bare model.

    Attributes:
        parent: the module that holds the owner; the owner itself at the root.
        order: number of the place among all of the model's, in the order of its modules.

    """

    name: str
    attribute: str
    owner: nn.Module
    parent: nn.Module
    order: int


class OwnedParameter(NamedTuple):
    """A parameter, its name in the bare model, and the module whose attribute it is.

    Attributes:
        places: every place that holds it, in `named_parameters()` order; several where weights are
            tied. The owner is the first that looks rows up, else the first of torch's own layers.

    """

    name: str
    attribute: str
    owner: nn.Module
    parameter: nn.Parameter
    places: tuple[Place, ...]


def unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Each name without the parts that wrappers of the model, or of its layers, add.

    >>> unwrapped(["module.embed.weight", "module.model.bias"])
    {'module.embed.weight': 'embed.weight', 'module.model.bias': 'model.bias'}
    """
    bare = {name: _without_wrappers(name) for name in names}
    while bare and all(name.startswith(_PARALLEL) for name in bare.values()):
        # removeprefix, not strip: strip("module.") also eats the m of `module.model`.
        bare = {name: rest.removeprefix(_PARALLEL) for name, rest in bare.items()}
    return bare


def if_flattened(model: nn.Module) -> str:
    """Remedy to append to an error on parameters if FSDP1 holds some flattened; else empty."""
    if not any(_FLATTENER in path.split(".") for path, _ in model.named_modules()):
        return ""
    return (
        "; FSDP1 flattens parameters: apply first and wrap the model then, with"
        " use_orig_params=True, or shard it by torch.distributed.fsdp.fully_shard"
    )


def owned_parameters(model: nn.Module) -> Iterator[OwnedParameter]:
    """Every parameter once, in `named_parameters()` order.

    Raises:
        ValueError: if one has no shape yet.

    """
    modules = dict(model.named_modules(remove_duplicate=False))
    found = [
        (f"{path}.{attribute}" if path else attribute, attribute, module, parameter)
        for path, module in model.named_modules()
        for attribute, parameter in module.named_parameters(recurse=False)
    ]
    bare = unwrapped(name for name, *_ in found)
    for name, _, module, parameter in found:
        if is_lazy(parameter):
            raise ValueError(
                f"{bare[name]} is of a {type(module).__name__} and has no shape yet: call the model"
                " on one batch first (base, delta and target model alike), so that it gets one"
            )
    places: dict[int, list[Place]] = {}
    for order, (name, attribute, module, parameter) in enumerate(found):
        parent = modules[name.rpartition(".")[0].rpartition(".")[0]]
        place = Place(bare[name], attribute, module, parent, order)
        places.setdefault(id(parameter), []).append(place)
    for name, _, _, parameter in found:
        held = places[id(parameter)]
        if held[0].name == bare[name]:
            owner = min(held, key=lambda place: _rank(place.owner))
            yield OwnedParameter(bare[name], owner.attribute, owner.owner, parameter, tuple(held))


def readers(owned: OwnedParameter) -> tuple[Place, ...]:
    """Places at which a parameter's multiplier acts: readouts it is tied to, else all its own."""
    lookups = (nn.Embedding, nn.EmbeddingBag)
    return tuple(p for p in owned.places if not isinstance(p.owner, lookups)) or owned.places


def _rank(owner: nn.Module) -> int:
    """Rank among owners of a tensor: lookups 0, torch's layers and their subclasses 1, others 2."""
    if isinstance(owner, (nn.Embedding, nn.EmbeddingBag)):
        return 0
    ancestry = (cls.__module__ for cls in type(owner).__mro__ if cls is not nn.Module)
    return 1 if any(module.startswith("torch.nn.modules.") for module in ancestry) else 2


def _without_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)
