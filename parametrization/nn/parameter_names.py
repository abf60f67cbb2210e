"""Parameters by the name they have in the bare model, whatever wraps it."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from torch import nn

_WRAPPERS: Final = ("module.", "_orig_mod.")  # (Distributed)DataParallel, torch.compile
_INNER: Final = ("_orig_mod.", "_checkpoint_wrapped_module.")  # what wraps single layers


class OwnedParameter(NamedTuple):
    """A parameter, its name in the bare model, and the module whose attribute it is."""

    name: str
    attribute: str
    owner: nn.Module
    parameter: nn.Parameter


def unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Each name without what wrappers of the model, or of its layers, put into it.

    >>> unwrapped(["module.embed.weight", "module.model.bias"])
    {'module.embed.weight': 'embed.weight', 'module.model.bias': 'model.bias'}
    """
    bare = {name: _without_inner(name) for name in names}
    while bare and (prefix := _shared_prefix(bare.values())):
        # removeprefix, not strip: strip("module.") also eats the m of `module.model`.
        bare = {name: rest.removeprefix(prefix) for name, rest in bare.items()}
    return bare


def owned_parameters(model: nn.Module) -> Iterator[OwnedParameter]:
    """Every parameter in `named_parameters()` order.

    Raises:
        ValueError: if one tensor serves in two places (tied weights).

    """
    found = [
        (f"{path}.{attribute}" if path else attribute, attribute, module, parameter)
        for path, module in model.named_modules()
        for attribute, parameter in module.named_parameters(recurse=False)
    ]
    bare = unwrapped(name for name, *_ in found)
    seen: dict[int, str] = {}
    for name, attribute, module, parameter in found:
        if (first := seen.setdefault(id(parameter), bare[name])) != bare[name]:
            raise ValueError(
                f"{bare[name]} is the same tensor as {first}: tied weights have two roles and"
                " no single rule; give each its own tensor, or read an embedding's by a"
                " parametrization.nn.layers.TiedReadout"
            )
        yield OwnedParameter(bare[name], attribute, module, parameter)


def _without_inner(name: str) -> str:
    for wrapper in _INNER:
        name = name.replace(f".{wrapper}", ".")
    return name


def _shared_prefix(names: Iterable[str]) -> str | None:
    listed = list(names)
    return next((p for p in _WRAPPERS if all(name.startswith(p) for name in listed)), None)
