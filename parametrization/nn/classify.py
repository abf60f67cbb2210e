"""Classify the parameters of a torch model by role: an ordered table, first match wins.

Follows `mup`'s notion of infinite dimensions (Yang et al. 2022, App. B.2). What no row describes
is refused, never guessed, unless the caller declares it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from torch import nn

from parametrization.nn.layers import (
    ConvReadout,
    ConvReadout1d,
    ExpertLinear,
    Readout,
    ResidualSum,
    Router,
    TiedReadout,
    ZeroLinear,
)
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters, unwrapped
from parametrization.nn.unclassified import refusal, undeclarable
from parametrization.shapes.roles import ModelShape, Role, TensorShape

W, F = True, False  # a dimension that grows with width, and one that does not
NORMS: Final = (
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)
CONVS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONV_READOUTS: Final = (ConvReadout, ConvReadout1d)
AFFINE: Final = (nn.Linear, *CONVS, *TRANSPOSED)
FROM_WIDE_TO_FINITE: Final = {
    Role.OUTPUT,
    Role.MOE_ROUTER,
    Role.FIXED_BOTTLENECK,
    Role.GQA_KV,
}


class Declaration(NamedTuple):
    """What the caller says of a tensor; `constant` is where it starts without a fan-in."""

    role: Role
    fan_in_axis: int | None = None
    fan_out_axis: int | None = None
    constant: float = 0.0


class _Row(NamedTuple):
    module: type[nn.Module] | tuple[type[nn.Module], ...]
    attribute: str
    infinite: tuple[bool, ...] | None  # leading dimensions, others finite; None: whatever it is
    role: Role | None  # None: refused
    fan_in_axis: int | None = None
    fan_out_axis: int | None = None
    constant: float = 0.0
    grouped: bool | None = None  # None: either, or no convolution


# fmt: off
_TABLE: Final = (
    _Row(nn.Embedding,  "weight", (F, W), Role.INPUT,  0, 1),  # tokens or positions, one-hot
    _Row(nn.Embedding,  "weight", (F, F), Role.SCALAR, 0, 1),
    _Row(Router,        "weight", (F, W), Role.MOE_ROUTER, 1, 0),  # a Readout too: before it
    _Row(Router,        "weight", None,   None),
    _Row(Readout,       "weight", (F, W), Role.OUTPUT, 1, 0),  # a Linear too: before it
    _Row(Readout,       "weight", None,   None),
    _Row(CONV_READOUTS, "weight", (F, W), Role.OUTPUT, 1, 0, grouped=False),  # Convs too
    _Row(CONV_READOUTS, "weight", None,   None),
    _Row(nn.Linear,     "weight", (W, F), Role.INPUT,  1, 0),
    _Row(nn.Linear,     "weight", (W, W), Role.HIDDEN, 1, 0),
    _Row(nn.Linear,     "weight", (F, F), Role.SCALAR, 1, 0),
    _Row(CONVS,         "weight", (W, F), Role.INPUT,  1, 0, grouped=False),
    _Row(CONVS,         "weight", (W, F), Role.VECTOR, 1, 0, grouped=True),  # groups of fixed size
    _Row(CONVS,         "weight", (W, W), Role.HIDDEN, 1, 0),
    _Row(CONVS,         "weight", (F, F), Role.SCALAR, 1, 0),
    _Row(TRANSPOSED,    "weight", (F, W), Role.INPUT,  0, 1, grouped=False),  # stored in, out
    _Row(TRANSPOSED,    "weight", (W, F), Role.VECTOR, 1, 0, grouped=True),
    _Row(TRANSPOSED,    "weight", (W, W), Role.HIDDEN, 0, 1),
    _Row(TRANSPOSED,    "weight", (F, F), Role.SCALAR, 0, 1),
    _Row(ExpertLinear,  "weight", (F, W, W), Role.HIDDEN, 2, 1),
    _Row(AFFINE,        "bias",   (W,),   Role.VECTOR, None, 0),
    _Row(AFFINE,        "bias",   (F,),   Role.SCALAR, None, 0),  # also the readout's
    _Row(NORMS,         "weight", (W,),   Role.VECTOR, None, 0, constant=1.0),
    _Row(NORMS,         "weight", (F,),   Role.SCALAR, None, 0, constant=1.0),  # over a fixed head
    _Row(NORMS,         "bias",   (W,),   Role.VECTOR, None, 0),
    _Row(NORMS,         "bias",   (F,),   Role.SCALAR, None, 0),
)
# fmt: on


def classify_model(
    model: nn.Module,
    base_dimensions: Mapping[str, tuple[int | None, ...]],
    base_width: int,
    *,
    roles: Mapping[str, Role | Declaration] | None = None,
    blocks: Iterable[str] = (),
) -> ModelShape:
    """Roles and base shapes of a model's parameters, in `named_parameters()` order.

    Args:
        model: of any width, on any device; read for its module types and finite dimensions.
        base_dimensions: per parameter, the base size of every dimension that grows with width
            and None for the others.
        base_width: the width at which those sizes hold.
        roles: by name or pattern (`blocks.*.attn.k.weight`), what the table cannot see. A role
            alone will do for torch's own layers; other tensors need their axes as well.
        blocks: patterns of tensors in residual blocks, beside those in a `layers.ResidualSum`.

    Raises:
        ValueError: if a parameter fits no row of the table, or is tied to another, or if a
            pattern fits nothing.

    """
    owned, declared = list(owned_parameters(model)), roles or {}
    names = [parameter.name for parameter in owned]
    for pattern in (*declared, *blocks):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"{pattern} fits none of the parameters {', '.join(names)}")
    inside = _in_blocks(model, names, blocks)
    tied = {id(m.embedding) for m in model.modules() if isinstance(m, TiedReadout)}
    tensors = [
        replace(
            _classify(one, base_dimensions[one.name], declared),
            in_block=one.name in inside,
            tied=id(one.owner) in tied,
        )
        for one in owned
    ]
    last = max((at for at, name in enumerate(names) if name in inside), default=len(names))
    return ModelShape(
        base_width,
        tuple(
            _by_place(tensor, one, after_blocks=at > last)
            for at, (tensor, one) in enumerate(zip(tensors, owned, strict=True))
        ),
    )


def _in_blocks(model: nn.Module, names: Iterable[str], blocks: Iterable[str]) -> set[str]:
    residual = [
        f"{path}.{name}"
        for path, module in model.named_modules()
        if isinstance(module, ResidualSum)
        for name, _ in module.named_parameters()
    ]
    bare = unwrapped(name for name, _ in model.named_parameters())
    patterns = tuple(blocks)
    matched = {name for name in names if any(fnmatchcase(name, p) for p in patterns)}
    return {bare[name] for name in residual if name in bare} | matched


def _by_place(tensor: TensorShape, owned: OwnedParameter, *, after_blocks: bool) -> TensorShape:
    """A norm's tensor, whose role depends on where it stands, too."""
    if not isinstance(owned.owner, NORMS):
        return tensor
    if after_blocks and tensor.role is Role.VECTOR:
        return replace(tensor, role=Role.FINAL_NORM)
    if tensor.in_block and tensor.role is Role.SCALAR and owned.attribute == "weight":
        return replace(tensor, role=Role.QK_NORM_GAIN)
    return tensor


def _classify(
    owned: OwnedParameter,
    dimensions: tuple[int | None, ...],
    declared: Mapping[str, Role | Declaration],
) -> TensorShape:
    infinite = tuple(size is not None for size in dimensions)
    named = [said for pattern, said in declared.items() if fnmatchcase(owned.name, pattern)]
    said = _declaration(owned, infinite, named[0]) if named else _found(owned, infinite)
    base_shape = tuple(
        actual if base is None else base
        for base, actual in zip(dimensions, owned.parameter.shape, strict=True)
    )
    return TensorShape(
        name=owned.name,
        role=said.role,
        base_shape=base_shape,
        infinite=infinite,
        fan_in_axis=said.fan_in_axis,
        fan_out_axis=said.fan_out_axis,
        constant=said.constant,
        zero=isinstance(owned.owner, ZeroLinear) and owned.attribute == "weight",
        taps=1.0 if owned.attribute == "bias" else _taps(owned.owner, said.fan_in_axis),
    )


def _found(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration:
    row = next((row for row in _TABLE if _describes(row, owned, infinite)), None)
    if row is None or row.role is None:
        raise ValueError(refusal(owned, infinite))
    return Declaration(row.role, row.fan_in_axis, row.fan_out_axis, row.constant)


def _describes(row: _Row, owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    if not isinstance(owned.owner, row.module) or owned.attribute != row.attribute:
        return False
    if row.grouped is not None and row.grouped is not (_groups(owned.owner) > 1):
        return False
    if row.infinite is None:
        return True
    leading = len(row.infinite)
    return infinite[:leading] == row.infinite and not any(infinite[leading:])


def _declaration(
    owned: OwnedParameter, infinite: tuple[bool, ...], said: Role | Declaration
) -> Declaration:
    """What was declared, with the axes of torch's own layers filled in."""
    if isinstance(said, Role):
        like = next((row for row in _TABLE if _same_layer(row, owned)), None)
        if like is None:
            raise ValueError(undeclarable(owned))
        said = Declaration(said, like.fan_in_axis, like.fan_out_axis, like.constant)
    ends = [axis is not None and infinite[axis] for axis in (said.fan_in_axis, said.fan_out_axis)]
    if said.role in FROM_WIDE_TO_FINITE and ends != [W, F]:
        raise ValueError(
            f"{owned.name} is declared {said.role}, a map from a dimension that grows with width"
            " to a fixed one, and is not one: do base and delta model vary its input alone?"
        )
    return said


def _same_layer(row: _Row, owned: OwnedParameter) -> bool:
    return (
        row.role is not None
        and isinstance(owned.owner, row.module)
        and owned.attribute == row.attribute
    )


def _groups(owner: nn.Module) -> int:
    return owner.groups if isinstance(owner, (*CONVS, *TRANSPOSED)) else 1


def _taps(owner: nn.Module, fan_in_axis: int | None) -> float:
    """Entries that one result sums per entry of the weight's fan-in axis."""
    if isinstance(owner, CONVS):
        return float(math.prod(owner.kernel_size))
    if not isinstance(owner, TRANSPOSED):
        return 1.0
    # A transposed kernel reaches each result with 1/stride of its entries per dimension.
    reached = math.prod(owner.kernel_size) / math.prod(owner.stride)
    channels = owner.in_channels if fan_in_axis == 0 else owner.out_channels // owner.groups
    return reached * (owner.in_channels / owner.groups) / channels
