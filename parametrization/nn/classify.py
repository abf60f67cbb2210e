"""Classify the parameters of a torch model by role: ordered tables, first match wins.

Follows `mup`'s notion of infinite dimensions (Yang et al. 2022, App. B.2). A tensor that no row
describes is refused, never guessed, unless the caller declares it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from torch import nn

from parametrization.nn.classification.axes import (
    Grown,
    as_axes,
    dimensions,
    kernel_dimensions,
    taps,
)
from parametrization.nn.classification.declaration import (
    Declaration as Declaration,  # its public home is here
)
from parametrization.nn.classification.own_layers import SHIFTS, is_named_table, is_own_norm
from parametrization.nn.classification.own_multipliers import refuse_own_mup
from parametrization.nn.classification.parts import parts_of
from parametrization.nn.classification.proposed.outputs import with_ends
from parametrization.nn.classification.proposed.unrecognised import Unrecognised
from parametrization.nn.classification.rows import LOOKUPS, NORMS
from parametrization.nn.classification.starts import beginning, is_purposeful
from parametrization.nn.classification.unclassified import (
    UnclassifiedTensors as UnclassifiedTensors,  # its public home is here
)
from parametrization.nn.classification.unclassified import refusal
from parametrization.nn.classification.uses import is_declared, normed_use, use_of, weights_in_order
from parametrization.nn.classification.weight_norms import WeightNormed, normed_by_id
from parametrization.nn.layers import ResidualSum, TiedReadout
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters, unwrapped
from parametrization.shapes.like_tensors import fits
from parametrization.shapes.roles import ModelShape, Role, TensorShape


class Sizes(NamedTuple):
    """Base sizes of a tensor's growing dimensions, None for the others, and the base width."""

    dimensions: tuple[int | None, ...]
    base_width: int


class _Known(NamedTuple):
    """Facts of the whole model for classifying its tensors; two of them by a parameter's id.

    Attributes:
        last: name of the last matrix.
        grows: True for each dimension that grows with width.
        fixed: names of tensors with the same values each time the model is built.
        powers: by name, of width that the model's own start follows; None where unknown.

    """

    declared: Mapping[str, Role | Declaration]
    last: str | None
    normed: Mapping[int, WeightNormed]
    grows: Mapping[int, tuple[bool, ...]]
    fixed: Collection[str]
    powers: Mapping[str, float | None]


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
    start_exponents: Mapping[str, float | None] | None = None,
    fixed: Collection[str] = (),
) -> ModelShape:
    """Roles and base shapes of a model's parameters, in `named_parameters()` order.

    Args:
        model: of any width, on any device; read for its module types and finite dimensions.
        base_dimensions: per parameter, the base size of every dimension that grows with width
            and None for the others.
        base_width: the width at which those sizes hold.
        roles: by name or pattern (`blocks.*.attn.k.weight`), roles that the tables do not give. A
            role alone will do for torch's own layers; other tensors need their axes as well.
        blocks: patterns of tensors in residual blocks, beside those in a `layers.ResidualSum`.
        start_exponents: by name, powers of width that the model's own start follows: proposals
            for tensors without a rule are made from them.
        fixed: names of tensors that have the same values each time the model is built.

    Raises:
        UnclassifiedTensors: a ValueError, if parameters fit no row of the tables: all of them,
            with proposals for `roles`.
        ValueError: if a tensor is tied to another that has another role, or is complex, if a
            pattern fits nothing, or if the model divides by its own width multiplier.

    """
    owned, declared = list(owned_parameters(model)), roles or {}
    names = [place.name for one in owned for place in one.places]
    for pattern in (*declared, *blocks):
        if not any(fits(name, pattern) for name in names):
            raise ValueError(f"{pattern} fits none of the parameters {', '.join(names)}")
    refuse_own_mup(model)
    _refuse_complex(owned)
    inside = _in_blocks(model, names, blocks)
    tied = {id(m.embedding) for m in model.modules() if isinstance(m, TiedReadout)}
    grows = {
        id(one.parameter): tuple(size is not None for size in base_dimensions[one.name])
        for one in owned
    }
    matrices = weights_in_order(owned)
    last = matrices[-1] if matrices else None
    known = _Known(declared, last, normed_by_id(model), grows, fixed, start_exponents or {})
    found: list[TensorShape | Unrecognised] = [
        _classify(one, Sizes(base_dimensions[one.name], base_width), known) for one in owned
    ]
    if unrecognised := [one for one in found if isinstance(one, Unrecognised)]:
        known_ones = [one for one in found if isinstance(one, TensorShape)]
        ends = with_ends(
            unrecognised,
            [name for name in matrices if name not in _fixed(known_ones)],
            has_input=any(one.role is Role.INPUT and one.fan_in_axes for one in known_ones),
            has_readout=any(_reads_out(one) for one in known_ones),
        )
        raise refusal(ends, names)
    tensors = [
        replace(
            tensor,
            in_block=any(place.name in inside for place in one.places),
            tied=tensor.tied or id(one.owner) in tied,
        )
        for tensor, one in zip(found, owned, strict=True)
        if isinstance(tensor, TensorShape)
    ]
    after = max((at for at, tensor in enumerate(tensors) if tensor.in_block), default=len(owned))
    return ModelShape(
        base_width,
        tuple(
            _by_place(tensor, one, after_blocks=at > after)
            for at, (tensor, one) in enumerate(zip(tensors, owned, strict=True))
        ),
    )


def _fixed(tensors: Iterable[TensorShape]) -> set[str]:
    """Tensors in which nothing grows: behind an output they work on what it gives."""
    return {one.name for one in tensors if not any(one.infinite)}


def _reads_out(tensor: TensorShape) -> bool:
    return tensor.role is Role.OUTPUT or tensor.tied


def _in_blocks(model: nn.Module, names: Iterable[str], blocks: Iterable[str]) -> set[str]:
    residual = [
        f"{path}.{name}"
        for path, module in model.named_modules()
        if isinstance(module, ResidualSum)
        for name, _ in module.named_parameters()
    ]
    bare = unwrapped(name for name, _ in model.named_parameters())
    patterns = tuple(blocks)
    matched = {name for name in names if any(fits(name, p) for p in patterns)}
    return {bare[name] for name in residual if name in bare} | matched


def _by_place(tensor: TensorShape, owned: OwnedParameter, *, after_blocks: bool) -> TensorShape:
    """The tensor, with the role that a norm's place in the model gives it."""
    if not isinstance(owned.owner, NORMS) and not is_own_norm(owned.owner):
        return tensor
    if after_blocks and tensor.role is Role.VECTOR:
        return replace(tensor, role=Role.FINAL_NORM)
    if tensor.in_block and tensor.role is Role.SCALAR and owned.attribute not in SHIFTS:
        return replace(tensor, role=Role.QK_NORM_GAIN)
    return tensor


def _classify(owned: OwnedParameter, sizes: Sizes, known: _Known) -> TensorShape | Unrecognised:
    base_shape = tuple(
        actual if base is None else base
        for base, actual in zip(sizes.dimensions, owned.parameter.shape, strict=True)
    )
    name, infinite = owned.name, known.grows[id(owned.parameter)]
    is_last = any(place.name == known.last for place in owned.places)
    is_fixed = name in known.fixed
    normed = known.normed.get(id(owned.parameter))
    if normed is not None and not is_declared(owned, known.declared):
        owned, use = normed_use(owned, normed, known.grows[id(normed.direction)])
    else:
        use = use_of(owned, infinite, known.declared, is_last=is_last)
    if use is None:
        return Unrecognised(
            owned,
            base_shape,
            infinite,
            sizes.base_width,
            normed=normed is not None,
            start_exponent=known.powers.get(name),
            fixed=is_fixed,
        )
    said = use.said
    kernel = kernel_dimensions(owned)
    ends = dimensions(said, Grown(owned.name, base_shape, infinite, sizes.base_width, kernel))
    named_so = isinstance(owned.owner, LOOKUPS) or is_named_table(owned.attribute)
    is_table = (named_so and ends.fan_in == (0,)) if said.lookup is None else said.lookup
    if ends.fan_in and is_purposeful(
        owned,
        said,
        fan_in_grows=any(infinite[axis] for axis in ends.fan_in),
        is_fixed=is_fixed,
        exponents=known.powers,
    ):
        unsettled = said._replace(constant=None)
        return Unrecognised(
            owned,
            base_shape,
            infinite,
            sizes.base_width,
            start_exponent=known.powers.get(name),
            unsettled=unsettled,
        )
    begins = beginning(
        owned,
        said,
        has_fan_in=bool(ends.fan_in),
        is_declared=use.is_declared,
        is_fixed=is_fixed,
    )
    tensor = TensorShape(
        name=name,
        role=said.role,
        base_shape=base_shape,
        infinite=infinite,
        fan_in_axis=as_axes(ends.fan_in),
        fan_out_axis=as_axes(ends.fan_out),
        constant=begins.constant,
        zero=begins.zero,
        kept=begins.kept,
        taps=taps(owned.owner, ends.fan_in) if kernel else 1.0,
        is_table=is_table and bool(ends.fan_in),
        stacked_axes=ends.stacked,
        tied=use.is_tied,
        parts=parts_of(owned, said, ends.fan_out),
        decayed=said.decayed,
    )
    if use.is_declared:
        _refuse_other_growth(tensor)
    return tensor


def _refuse_complex(owned: Iterable[OwnedParameter]) -> None:
    for one in owned:
        if one.parameter.is_complex() and one.parameter.requires_grad:
            raise ValueError(
                f"{one.name} is {str(one.parameter.dtype).removeprefix('torch.')}, and no rule is"
                " known for complex numbers: hold torch.view_as_real of it, one dimension more, and"
                " take torch.view_as_complex of that in forward; or freeze it"
            )


def _refuse_other_growth(tensor: TensorShape) -> None:
    fan_out_grows = any(tensor.infinite[axis] for axis in tensor.fan_out_axes)
    if tensor.role in FROM_WIDE_TO_FINITE and (not tensor.fan_in_grows or fan_out_grows):
        raise ValueError(
            f"{tensor.name} is declared {tensor.role}, a map from a dimension that grows with"
            " width to a fixed one, and is not one: do base and delta model vary its input alone?"
        )
