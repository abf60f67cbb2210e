"""Fold forward multipliers into weights: the same function, in a model without multipliers.

For saving and for inference. A format that stores a plain model (`save_pretrained`) drops the
readout's multiplier; after folding there is nothing to drop.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from parametrization.nn.classification.own_layers import is_own_norm
from parametrization.nn.classification.rows import AFFINE, LOOKUPS, NORMS
from parametrization.nn.layers import (
    ConvReadout,
    ConvReadout1d,
    MultipliesInput,
    Readout,
    Residual,
    ResidualSum,
    Router,
    TiedReadout,
    WithMultiplier,
)
from parametrization.nn.readouts.multiplied_tensors import MultipliesTensors

_PLAIN: Final[dict[type[nn.Module], type[nn.Module]]] = {
    Readout: nn.Linear,
    Router: nn.Linear,
    ConvReadout: nn.Conv2d,
    ConvReadout1d: nn.Conv1d,
}
_PASSIVE: Final = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity)
"""Layers that a factor passes through."""
_MATRIX: Final = 2


class _Fold(NamedTuple):
    """Planned change of one layer; none is made before all are known to succeed."""

    scaled: tuple[Tensor, ...]
    factor: float
    finish: Callable[[], None]


def fold_multipliers(model: nn.Module, *, untie: bool = False) -> tuple[str, ...]:
    """Fold the multipliers of readouts, routers and residual branches into weights, in place.

    Exact up to one rounding of the weights that are multiplied, and exact for powers of two.
    Readouts become the plain layers that they were, so that the state dict is a plain model's.
    Training goes on with the multipliers: fold a copy (`copy.deepcopy(model)`), or the last model.

    Args:
        untie: True to give a readout that is tied to a lookup table a table of its own. A Hugging
            Face model's `config.tie_word_embeddings` is then set to False.

    Returns:
        Names of the layers whose multiplier was folded.

    Raises:
        ValueError: if a multiplier other than 1 cannot be folded, naming all such layers. Nothing
            is changed then.

    """
    planned: list[tuple[str, _Fold]] = []
    refused: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, WithMultiplier):
            try:
                planned.append((name, _fold(model, name, module, untie=untie)))
            except ValueError as error:
                refused.append(str(error))
    if refused:
        raise ValueError("; ".join(refused))
    folded = tuple(name for name, fold in planned if fold.factor != 1)
    with torch.no_grad():
        for _, fold in planned:
            for tensor in fold.scaled:
                tensor.mul_(fold.factor)
            fold.finish()
    return folded


def _fold(model: nn.Module, name: str, module: WithMultiplier, *, untie: bool) -> _Fold:
    factor = float(module.multiplier)
    if isinstance(module, ResidualSum):
        last = _last_layer(name, module) if factor != 1 else ()
        _refuse_shared(model, name, last)
        return _Fold(last, factor, lambda: _neutral(module))
    if isinstance(module, TiedReadout):
        return _tied(model, name, module.embedding.weight, factor, untie=untie)
    if isinstance(module, MultipliesTensors):
        tensors = tuple(p for n in module.multiplied if (p := module._parameters[n]) is not None)
        if factor != 1:
            _refuse_shared(model, name, tensors)
        return _Fold(tensors, factor, lambda: _plain(module))
    weight = _matrix(name, module)
    tables = [m.weight for m in model.modules() if isinstance(m, LOOKUPS)]
    if any(weight is table for table in tables):
        return _tied(model, name, weight, factor, untie=untie)
    if factor != 1:
        _refuse_shared(model, name, (weight,))
    return _Fold((weight,), factor, lambda: _plain(module))


def _tied(model: nn.Module, name: str, table: Tensor, factor: float, *, untie: bool) -> _Fold:
    module = model.get_submodule(name)
    if factor == 1:
        return _Fold((), 1.0, lambda: _plain(module))
    if not untie:
        raise ValueError(
            f"{name} reads a lookup table times {factor:g}, which cannot be folded into the table:"
            " as an embedding it would be another; pass untie=True to give the readout its own"
        )

    def finish() -> None:
        own = nn.Parameter(table.detach() * factor, requires_grad=table.requires_grad)
        if isinstance(module, TiedReadout):
            linear = nn.Linear(own.shape[1], own.shape[0], bias=False, device="meta")
            linear.weight = own
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, linear)
        else:
            module.weight = own
            _plain(module)
        config = getattr(model, "config", None)
        if getattr(config, "tie_word_embeddings", False):
            config.tie_word_embeddings = False  # type: ignore[union-attr]  # it has one

    return _Fold((), factor, finish)


def _matrix(name: str, module: WithMultiplier) -> nn.Parameter:
    found = [p for p in module.parameters(recurse=False) if p.dim() >= _MATRIX]
    if len(found) != 1:
        raise ValueError(
            f"{name} is a {type(module).__name__} with {len(found)} matrices, and which of them its"
            f" multiplier {module.multiplier:g} belongs to is unknown: multiply it yourself and set"
            " the multiplier to 1"
        )
    return found[0]


def _last_layer(name: str, module: ResidualSum) -> tuple[nn.Parameter, ...]:
    """Parameters of a branch's last layer: weight or gain, and bias."""
    last = _end(module.branch) if isinstance(module, Residual) else None
    if not isinstance(last, (*AFFINE, *NORMS)) and not (last is not None and is_own_norm(last)):
        what = type(module.branch if isinstance(module, Residual) else module).__name__
        raise ValueError(
            f"{name} adds the branches of a {what} times {module.multiplier:g}, and what they end"
            " with is unknown: multiply their last weights and biases yourself and set the"
            " multiplier to 1, or save the multiplier with the model (state_dict has it)"
        )
    return tuple(last.parameters(recurse=False))


def _end(branch: nn.Module) -> nn.Module | None:
    """The last layer of nested Sequentials that is not one that a factor passes through."""
    if not isinstance(branch, nn.Sequential):
        return branch
    layers = [layer for layer in branch if not isinstance(layer, _PASSIVE)]
    return _end(layers[-1]) if layers else None


def _refuse_shared(model: nn.Module, name: str, tensors: tuple[nn.Parameter, ...]) -> None:
    wanted = {id(tensor) for tensor in tensors}
    holders = [m for m in model.modules() for p in m.parameters(recurse=False) if id(p) in wanted]
    if len(holders) > len(wanted):
        raise ValueError(
            f"{name} cannot fold its multiplier into a weight that another layer uses as well:"
            " untie the two first"
        )


def _neutral(module: WithMultiplier) -> None:
    module.multiplier = 1.0


def _plain(module: nn.Module) -> None:
    """The layer without its multiplier, of the class that it had before."""
    first = type(module).__bases__[0]
    if first in (MultipliesInput, MultipliesTensors):
        module.__class__ = type(module).__bases__[1]
    elif type(module) in _PLAIN:
        module.__class__ = _PLAIN[type(module)]
    elif isinstance(module, WithMultiplier):
        module.multiplier = 1.0
        return
    module.__dict__.pop("multiplier", None)
