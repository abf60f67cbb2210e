"""Give raw tensors of a module a forward multiplier, for any use that its forward makes of them.

For output matrices and routers that a model holds as `nn.Parameter` and multiplies with by hand:
`h @ self.W_U`, `torch.einsum("btd,dv->btv", h, self.unembed)`.
"""

import sys
from types import FrameType
from typing import Any, Final

import torch
from torch import Tensor, nn

from parametrization.nn.layers import WithMultiplier


class MultipliesTensors(WithMultiplier):
    """Mixin that `multiply_tensor` puts before a module's own class.

    Reading one of the tensors as the module's attribute gives it times the multiplier. The tensor
    itself is stored, trained, named and sharded.
    """

    multiplied: tuple[str, ...] = ()
    multiplier: float = 1.0

    def factor_on(self, attribute: str) -> float:
        """The multiplier for those tensors, 1 for all others."""
        return self.multiplier if attribute in self.multiplied else 1.0

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the plain class: this one is made at run time, in no module."""
        return _rebuilt, (type(self).__bases__[1], self.multiplied), self.__dict__


def multiply_tensor(model: nn.Module, name: str) -> None:
    """Have the parameter called `name` read times a multiplier, 1 until it is set.

    In place, with the same parameters. `apply` does it to raw tensors that are outputs or routers;
    do it to every model of the family yourself before compiling.

    Raises:
        ValueError: if there is no such parameter, or its module multiplies otherwise already.

    """
    path, _, attribute = name.rpartition(".")
    try:
        module = model.get_submodule(path)
    except AttributeError:
        raise ValueError(f"there is no module {path}, and so no parameter {name}") from None
    if not isinstance(module._parameters.get(attribute), nn.Parameter):
        raise ValueError(f"{type(module).__name__} holds no parameter {attribute}, of {name}")
    plain = type(module)
    held: tuple[str, ...] = (attribute,)
    if isinstance(module, MultipliesTensors):
        if attribute in module.multiplied:
            return
        plain, held = type(module).__bases__[1], (*module.multiplied, attribute)
    elif isinstance(module, WithMultiplier):
        raise ValueError(
            f"{name} is of a {plain.__name__}, whose one multiplier is another's: hold {attribute}"
            " in a module of its own"
        )
    if plain.get_extra_state is not nn.Module.get_extra_state:
        raise ValueError(
            f"{name} is of a {plain.__name__}, whose state dict has an extra state of its own,"
            " where the multiplier would be stored: use the multiplier-free form, or hold"
            f" {attribute} in a module of its own"
        )
    module.__class__ = _class(plain, held)
    module.__dict__.setdefault("multiplier", 1.0)


def _class(plain: type[nn.Module], held: tuple[str, ...]) -> type[nn.Module]:
    """The class of `plain` with these tensors multiplied: one and the same in every call."""
    if (plain, held) not in _CLASSES:
        reads = {name: _Multiplied(name) for name in held}
        name = f"{plain.__name__}Readout"
        made = type(name, (MultipliesTensors, plain), {"multiplied": held, **reads})
        _CLASSES[plain, held] = made
    return _CLASSES[plain, held]


class _Multiplied:
    """An attribute that reads a parameter times the multiplier; FSDP gets the parameter itself.

    FSDP looks parameters up by their attributes to shard them, and FSDP1 stores the gathered
    tensors under the same names.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, module: MultipliesTensors | None, _kind: object = None) -> object:
        if module is None:
            return self
        stored = module._parameters.get(self._name)
        held = module.__dict__.get(self._name) if stored is None else stored
        if held is None:
            raise AttributeError(f"{type(module).__name__} has no {self._name}")
        if not torch.compiler.is_compiling() and _shards(sys._getframe(1)):
            return held
        return module.multiplier * held

    def __set__(self, module: MultipliesTensors, value: Tensor | nn.Parameter) -> None:
        if isinstance(value, nn.Parameter):
            module._parameters[self._name] = value
        else:
            module.__dict__[self._name] = value

    def __delete__(self, module: MultipliesTensors) -> None:
        del module.__dict__[self._name]


def _shards(caller: FrameType) -> bool:
    """True if FSDP reads the attribute, and not a forward pass."""
    return str(caller.f_globals.get("__name__")).startswith(_SHARDING)


def _rebuilt(plain: type[nn.Module], held: tuple[str, ...]) -> nn.Module:
    kind = _class(plain, held)
    return kind.__new__(kind)


_SHARDING: Final = "torch.distributed.fsdp."
_CLASSES: Final[dict[tuple[type[nn.Module], tuple[str, ...]], type[nn.Module]]] = {}
