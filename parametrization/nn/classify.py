"""Classify the parameters of a torch model by role: an ordered table, first match wins.

Follows `mup`'s notion of infinite dimensions (Yang et al. 2022, App. B.2). What no row describes
is refused, never guessed, unless the caller declares it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from torch import nn

from parametrization.nn.classification.axes import Grown, as_axes, dimensions
from parametrization.nn.classification.declaration import (
    Declaration as Declaration,  # its public home is here
)
from parametrization.nn.classification.kernels import kernel_dimensions, taps
from parametrization.nn.classification.parts import parts_of
from parametrization.nn.classification.rows import LOOKUPS, NORMS, Row, row_of, row_of_layer
from parametrization.nn.classification.unclassified import refusal, undeclarable
from parametrization.nn.layers import ResidualSum, TiedReadout, ZeroLinear
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters, unwrapped
from parametrization.shapes.roles import ModelShape, Role, TensorShape

FROM_WIDE_TO_FINITE: Final = {
    Role.OUTPUT,
    Role.MOE_ROUTER,
    Role.FIXED_BOTTLENECK,
    Role.GQA_KV,
}


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
            _classify(one, base_dimensions[one.name], base_width, declared),
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
    sizes: tuple[int | None, ...],
    base_width: int,
    declared: Mapping[str, Role | Declaration],
) -> TensorShape:
    infinite = tuple(size is not None for size in sizes)
    named = [said for pattern, said in declared.items() if fnmatchcase(owned.name, pattern)]
    said = _declaration(owned, named[0]) if named else _found(owned, infinite)
    base_shape = tuple(
        actual if base is None else base
        for base, actual in zip(sizes, owned.parameter.shape, strict=True)
    )
    kernel = kernel_dimensions(owned)
    ends = dimensions(said, Grown(owned.name, base_shape, infinite, base_width, kernel))
    is_table = isinstance(owned.owner, LOOKUPS) if said.lookup is None else said.lookup
    tensor = TensorShape(
        name=owned.name,
        role=said.role,
        base_shape=base_shape,
        infinite=infinite,
        fan_in_axis=as_axes(ends.fan_in),
        fan_out_axis=as_axes(ends.fan_out),
        constant=said.constant or 0.0,
        zero=isinstance(owned.owner, ZeroLinear) and owned.attribute == "weight",
        taps=taps(owned.owner, ends.fan_in) if kernel else 1.0,
        is_table=is_table and bool(ends.fan_in),
        stacked_axes=ends.stacked,
        parts=parts_of(owned, said, ends.fan_out),
    )
    if named:
        _refuse_other_growth(tensor)
    return tensor


def _found(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration:
    row = row_of(owned, infinite)
    if row is None or row.role is None:
        raise ValueError(refusal(owned, infinite))
    return _said_by(row, row.role)


def _declaration(owned: OwnedParameter, said: Role | Declaration) -> Declaration:
    """What was declared, with the axes of torch's own layers filled in."""
    if not isinstance(said, Role):
        return said
    like = row_of_layer(owned)
    if like is None:
        raise ValueError(undeclarable(owned))
    return _said_by(like, said)


def _said_by(row: Row, role: Role) -> Declaration:
    return Declaration(
        role, row.fan_in_axis, row.fan_out_axis, row.constant, stacked_axis=row.stacked_axis
    )


def _refuse_other_growth(tensor: TensorShape) -> None:
    fan_out_grows = any(tensor.infinite[axis] for axis in tensor.fan_out_axes)
    if tensor.role in FROM_WIDE_TO_FINITE and (not tensor.fan_in_grows or fan_out_grows):
        raise ValueError(
            f"{tensor.name} is declared {tensor.role}, a map from a dimension that grows with"
            " width to a fixed one, and is not one: do base and delta model vary its input alone?"
        )
