"""Decide how each tensor starts: drawn, at a constant, at zero, or as the model has it.

Nothing that a model's author set on purpose is replaced. Purpose is told from torch's defaults by
the values themselves, so it is recognised only in models with memory.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.rows import LOOKUPS
from parametrization.nn.layers import ZeroLinear
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Role, TensorShape

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
_MANY: Final = 64
_ALIKE: Final = 0.5  # correlation of neighbours, beyond which no draw of _MANY entries comes
FOLLOWS: Final = -0.25  # power of width of a size that falls like 1/sqrt(width), or faster
_LEAST: Final = 1e-12
_MOST: Final = 1e12
_SURE: Final = 6.0  # deviations
_TINY: Final = 0.1  # of the rms; a normal draw's median is 0.67 of it
_ROUNDING: Final = 1 + 1e-3  # half-precision values round up by less


class Beginning(NamedTuple):
    """Start of one tensor, as a TensorShape holds it."""

    constant: float = 0.0
    kept: bool = False
    zero: bool = False


def beginning(
    owned: OwnedParameter,
    said: Declaration,
    *,
    has_fan_in: bool,
    is_declared: bool,
    is_fixed: bool = False,
) -> Beginning:
    """The start of a tensor: drawn, at a constant, at zero, or kept.

    Frozen tensors are kept. A tensor with a fan-in is drawn, unless it is a weight of torch's own
    layers that the model set to zero, or to one value for the most part (an identity). Without a
    fan-in it starts at its one value, and is kept where the values differ on purpose.

    Args:
        is_declared: True if the caller declared the tensor, instead of a row of the tables.
        is_fixed: True if the model gives it the same values each time it is built.

    """
    if said.initial == "keep" or (said.initial is None and not owned.parameter.requires_grad):
        return Beginning(kept=True)
    if has_fan_in:
        kept = is_fixed and said.initial is None
        return Beginning(kept=True) if kept and not _is_zero(owned) else _of_matrix(owned, said)
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


def is_purposeful(
    owned: OwnedParameter,
    said: Declaration,
    *,
    fan_in_grows: bool,
    is_fixed: bool,
    exponents: Mapping[str, float | None],
) -> bool:
    """True if a draw would replace a start that was set on purpose, and to keep it may be wrong.

    Of raw tensors, whose memory nobody may have set yet, that look like no random draw. And where a
    sum over width asks for a size that follows it: of those that are not seen to follow it, and of
    values that are the same each time the model is built (a formula's, a file's).

    Args:
        exponents: by name, powers of width that sizes of starts follow; None where it is unknown,
            empty where there is but one model.

    """
    if said.initial is not None or not owned.parameter.requires_grad or _is_zero(owned):
        return False
    values = values_of(owned.parameter)
    if values is None:
        return False
    if not is_structured(values):
        return is_fixed and fan_in_grows
    if not isinstance(owned.owner, _DRAWING):
        return _is_plausible(values)
    power = exponents.get(owned.name, FOLLOWS)
    return said.role is Role.HIDDEN and (power is None or power > FOLLOWS)


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
    return Beginning(zero=zero, kept=not zero and is_structured(values))


def _is_on_purpose(owned: OwnedParameter, values: Tensor) -> bool:
    """True if a bias is structured, or larger than torch draws: its author set it."""
    bound = largest_default(owned.owner)
    if bound is None:
        return False
    return is_structured(values) or bool((values.abs() > bound * _ROUNDING).any())


def _is_plausible(values: Tensor) -> bool:
    """False for sizes that come of memory which nobody has set, as of torch.empty."""
    sizes = values[values != 0].abs()
    return (
        bool(sizes.isfinite().all()) and _LEAST < float(sizes.min()) <= float(sizes.max()) < _MOST
    )


def _is_zero(owned: OwnedParameter) -> bool:
    values = values_of(owned.parameter)
    return values is not None and not bool(values.any())


def is_structured(values: Tensor) -> bool:
    """True if no random draw looks so: half of it one value or tiny, or neighbours alike."""
    flat = values.flatten()
    flat = flat[:: max(1, len(flat) // _SEEN)].float()
    if len(flat) < 2:
        return False
    _, counts = torch.unique(flat, return_counts=True)
    if 2 * int(counts.max()) >= len(flat) and len(counts) < len(flat):
        return True
    if len(flat) < _MANY:
        return False
    median, size = flat.abs().median(), flat.square().mean().sqrt()
    return bool(median < _TINY * size) or _is_smooth(values)


def _is_smooth(values: Tensor) -> bool:
    """True if neighbours along some dimension are correlated, as those of a wave or a ramp are."""
    part = values[: max(1, _SEEN * len(values) // values.numel())].float()
    part = part - part.mean()
    for axis, size in enumerate(part.shape):
        one, two = (part.narrow(axis, start, size - 1) for start in (0, 1))
        products = float((one * two).mean()) if one.numel() >= _MANY else 0.0
        bound = max(_ALIKE, _SURE / math.sqrt(max(one.numel(), 1)))
        if products > bound * float(part.square().mean()) > 0:
            return True
    return False


def is_patterned(values: Tensor) -> bool:
    """True if entries repeat, as those of a formula of one index do: for proposals alone."""
    flat = values.flatten()[:_SEEN].float()
    return len(flat) > 1 and 2 * len(torch.unique(flat)) <= len(flat)
