"""Decide how each tensor starts: drawn, at a constant, at zero, or as the model has it.

Nothing that a model's author set on purpose is replaced. Purpose is told from torch's defaults by
the values themselves, so it is recognised only in models with memory.
"""

import math
import warnings
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.rows import LOOKUPS
from parametrization.nn.layers import ZeroLinear
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import TensorShape

_RECURRENT: Final = (nn.RNNBase, nn.RNNCellBase)
_DRAWING: Final = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.MultiheadAttention,
    _ConvNd,
    *_RECURRENT,
)
"""Layers that draw their tensors when they are built: any other start was set on purpose."""
_ZERO: Final = (
    "{name} is all zero in the base model and will be drawn: declare it with initial='keep' if it"
    " starts at zero, or with initial='draw'"
)
_SEEN: Final = 2**16
_ROUNDING: Final = 1 + 1e-3  # half-precision values round up by less


class Beginning(NamedTuple):
    """Start of one tensor, as a TensorShape holds it."""

    constant: float = 0.0
    kept: bool = False
    zero: bool = False


def beginning(
    owned: OwnedParameter, said: Declaration, *, has_fan_in: bool, is_declared: bool
) -> Beginning:
    """The start of a tensor: drawn, at a constant, at zero, or kept.

    Frozen tensors are kept. A tensor with a fan-in is drawn, unless it is a weight of torch's own
    layers that the model set to zero, or to one value for the most part (an identity). Without a
    fan-in it starts at its one value, and is kept where the values differ on purpose.

    Args:
        is_declared: True if the caller declared the tensor, instead of a row of the tables.

    """
    if said.initial == "keep" or (said.initial is None and not owned.parameter.requires_grad):
        return Beginning(kept=True)
    if has_fan_in:
        return _of_matrix(owned, said)
    values = values_of(owned.parameter)
    if (is_declared or said.initial == "draw") and said.constant is not None:
        return Beginning(said.constant)
    single = values is not None and values.numel() == 1 and largest_default(owned.owner) is not None
    if single and said.constant is not None and values is not None:
        # One entry says nothing of how it came about, unless torch would not draw it.
        return Beginning(said.constant if not _is_on_purpose(owned, values) else float(values))
    if values is not None and values.numel() and bool((values == values.flatten()[0]).all()):
        return Beginning(float(values.flatten()[0]))
    if said.constant is None or (values is not None and _is_on_purpose(owned, values)):
        return Beginning(kept=True)
    return Beginning(said.constant)


def starts_alike(tensor: TensorShape, base: OwnedParameter, other: OwnedParameter) -> bool:
    """True if a constant is the same at both widths; one of 1/sqrt(width) is not, and is kept."""
    a, b = values_of(base.parameter), values_of(other.parameter)
    if tensor.fan_in_axis is not None or tensor.kept or a is None or b is None:
        return True
    first = [values.flatten()[0] for values in (a, b) if values.numel()]
    if len(first) < 2 or float(first[0]) != tensor.constant:  # declared, or nothing to compare
        return True
    return not bool((b == b.flatten()[0]).all()) or float(first[1]) == tensor.constant


def values_of(parameter: nn.Parameter) -> Tensor | None:
    """A parameter's values; None on the meta device and where they are sharded."""
    if parameter.is_meta or type(parameter.data) is not Tensor:
        return None
    return parameter.detach()


def largest_default(owner: nn.Module) -> float | None:
    """Bound of the uniform draw of torch's layer; None if it does not draw so."""
    if isinstance(owner, _RECURRENT):
        return 1 / math.sqrt(owner.hidden_size)
    if not isinstance(owner, (nn.Linear, nn.Bilinear, _ConvNd)):
        return None
    fan_in = owner.weight.shape[1] if isinstance(owner, nn.Bilinear) else owner.weight[0].numel()
    return 1 / math.sqrt(fan_in) if fan_in else None


def _of_matrix(owned: OwnedParameter, said: Declaration) -> Beginning:
    values = values_of(owned.parameter)
    if isinstance(owned.owner, ZeroLinear) and owned.attribute == "weight":
        return Beginning(zero=True)
    if said.initial == "draw" or values is None:
        return Beginning()
    if not isinstance(owned.owner, _DRAWING):
        if values.numel() and not bool(values.any()):
            # Memory that nobody has set looks the same, so it is not kept without being asked.
            warnings.warn(_ZERO.format(name=owned.name), stacklevel=2)
        return Beginning()
    if isinstance(owned.owner, LOOKUPS) and owned.owner.padding_idx is not None:
        rows = torch.arange(len(values), device=values.device) != owned.owner.padding_idx
        values = values[rows]
    zero = not bool(values.any())
    return Beginning(zero=zero, kept=not zero and _is_structured(values))


def _is_on_purpose(owned: OwnedParameter, values: Tensor) -> bool:
    """True if a bias is structured, or larger than torch draws: its author set it."""
    bound = largest_default(owned.owner)
    if bound is None:
        return False
    return _is_structured(values) or bool((values.abs() > bound * _ROUNDING).any())


def _is_structured(values: Tensor) -> bool:
    """True if one value fills half of the tensor, as in no random draw."""
    flat = values.flatten()
    flat = flat[:: max(1, len(flat) // _SEEN)]
    if len(flat) < 2:
        return False
    _, counts = torch.unique(flat, return_counts=True)
    return 2 * int(counts.max()) >= len(flat) and len(counts) < len(flat)


def is_patterned(values: Tensor) -> bool:
    """True if entries repeat, as those of a formula of one index do: for proposals alone."""
    flat = values.flatten()[:_SEEN].float()
    return len(flat) > 1 and 2 * len(torch.unique(flat)) <= len(flat)
