"""Propose a declaration for a tensor that nothing recognises, from which dimensions grow."""

import math
import re
from typing import Final, NamedTuple

from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm

from parametrization.nn.classification.axes import as_axes
from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.own_layers import is_named_readout, own_layer
from parametrization.nn.classification.rows import LOOKUPS, row_of_layer
from parametrization.nn.classification.starts import is_patterned, values_of
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Role

_READS_OUT: Final = re.compile(
    r"(^|[._])(W_U|unembed\w*|logits?|readout|lm_head|classifier|vocab\w*)([._]\w+)?$",
    re.IGNORECASE,
)
"""Names of output matrices that models multiply with by hand."""
_EMBEDS: Final = re.compile(
    r"(^|[._])(W_E|wte|wpe|W_pos|\w*((?<!un)emb|token|pos|table|quer|prompt|prefix|slot|rel_|bias)\w*"
    r"|rel|memory|probe)($|[._])"
)
_ROUTES: Final = frozenset({"gate", "router", "wg", "gating", "shared_gate", "shared_expert_gate"})
_LAST_TWO: Final = 2
_SHRINKS: Final = -0.4
"""Power of width that a start follows where a sum runs over it: -1/2, as measured."""
_CLOSE: Final = 0.2


class Proposal(NamedTuple):
    """A declaration that the caller might make, and a question that only the caller can answer."""

    said: Role | Declaration
    unknown: str


class Unrecognised(NamedTuple):
    """A tensor without a rule, at the base width.

    Attributes:
        has_readout: True if another tensor of the model is its output.
        normed: True if it is part of a weight that is a magnitude times a direction.
        start_exponent: power of width that the model's own start follows; None if unknown.

    """

    owned: OwnedParameter
    base_shape: tuple[int, ...]
    infinite: tuple[bool, ...]
    base_width: int
    is_last: bool
    normed: bool = False
    start_exponent: float | None = None
    has_readout: bool = False


def proposal(one: Unrecognised) -> Proposal | None:
    """The most likely declaration; None where no declaration would help."""
    if one.normed or (computed_by(one.owned) and one.infinite.count(True) < _LAST_TWO):
        return None
    if row_of_layer(one.owned) is not None or own_layer(one.owned) is not None:
        return _of_known_layer(one)
    said, unknown = _of_raw_tensor(one)
    values = values_of(one.owned.parameter)
    if said.initial is None and said.fan_in_axis is not None and values is not None:
        if not bool(values.any()):
            said = said._replace(initial="keep")
            unknown = f"all zero, and left so; {unknown}"
        elif one.infinite.count(True) == 1 and is_patterned(values):
            said = Declaration(Role.VECTOR, None, one.infinite.index(True), initial="keep")
            unknown = (
                "few values that repeat, as a constant's do, and left so; else say fan_in_axis"
            )
    return Proposal(said, unknown)


def computed_by(owned: OwnedParameter) -> tuple[str, ...]:
    """Names of the functions that make a layer's weight of the parameter, such as spectral norm."""
    if isinstance(owned.owner, ParametrizationList):
        return tuple(type(function).__name__.strip("_") for function in owned.owner)
    hooks = owned.owner._forward_pre_hooks.values()
    return tuple(
        type(hook).__name__
        for hook in hooks
        if isinstance(hook, SpectralNorm) and owned.attribute.startswith(hook.name)
    )


def _of_raw_tensor(one: Unrecognised) -> tuple[Declaration, str]:
    grows = [axis for axis, wide in enumerate(one.infinite) if wide]
    sized = [axis for axis, size in enumerate(one.base_shape) if size > 1 or axis in grows]
    if not grows:
        return (
            Declaration(Role.SCALAR, None, as_axes(tuple(sized[-1:])), initial="keep"),
            "nothing in it grows; if a sum runs over one of its dimensions, say fan_in_axis",
        )
    if len(grows) == 1:
        return _of_one_wide_dimension(one, grows[0], sized)
    return _of_a_matrix(one, grows)


def _of_known_layer(one: Unrecognised) -> Proposal | None:
    ends = one.infinite[:_LAST_TWO]
    layer = row_of_layer(one.owned) or own_layer(one.owned)
    transposed = layer is not None and layer.fan_in_axis == 0
    from_wide = ends == ((True, False) if transposed else (False, True))
    if not from_wide or isinstance(one.owned.owner, LOOKUPS):
        return None
    path = one.owned.name.split(".")[:-1]
    if path[-1:] and path[-1] in _ROUTES:
        return Proposal(Role.MOE_ROUTER, "a router, or a gate? Role.FIXED_BOTTLENECK if not")
    if not one.has_readout and (one.is_last or is_named_readout(path)):
        return Proposal(
            Role.OUTPUT, "the model's output, as its last matrix or by its name? see above if not"
        )
    if path[-1:] in (["k"], ["v"], ["kv"]):
        return Proposal(
            Role.GQA_KV, "keys or values of a fixed number of heads? Role.FIXED_BOTTLENECK if not"
        )
    return Proposal(
        Role.FIXED_BOTTLENECK,
        "a bottleneck of fixed width? Role.GQA_KV for keys or values of a fixed number of heads, or"
        " what a state space selects by,"
        " Role.MOE_ROUTER for a router, Role.OUTPUT for an output of the model",
    )


def _of_one_wide_dimension(
    one: Unrecognised, wide: int, sized: list[int]
) -> tuple[Declaration, str]:
    others = as_axes(tuple(axis for axis in range(len(one.base_shape)) if axis != wide))
    shrinks = one.start_exponent is not None and one.start_exponent <= _SHRINKS
    is_vector = sized == [wide] and not shrinks
    if not is_vector and _is_output(one):
        return (
            Declaration(Role.OUTPUT, wide, others),
            f"the model's output, a sum over dimension {wide}? If it is inside the model,"
            f" Declaration(Role.FIXED_BOTTLENECK, {wide}, {others}), or Role.GQA_KV or"
            f" Role.MOE_ROUTER in its place; if it is no sum, Declaration(Role.INPUT, {others},"
            f" {wide})",
        )
    if shrinks:
        return (
            Declaration(Role.FIXED_BOTTLENECK, wide, others),
            f"its start shrinks with width, as where a sum runs over dimension {wide}; if none"
            f" does, Declaration(Role.VECTOR, None, {wide}); if it is the model's output,"
            f" Declaration(Role.OUTPUT, {wide}, {others}); for keys or values of a fixed number of"
            " heads Role.GQA_KV in its place, for a router Role.MOE_ROUTER",
        )
    if is_vector:
        return (
            Declaration(Role.VECTOR, None, wide),
            "a gain or a bias, which starts where the model starts it; Role.INPUT for a token or"
            f" position that is added, Declaration(Role.FIXED_BOTTLENECK, {wide}) if a sum runs"
            " over it",
        )
    if _is_added(one):
        return (
            Declaration(Role.INPUT, None, wide, initial="keep"),
            "rows that are looked up or added? If they are multiplied, say fan_in_axis",
        )
    if wide == max(sized):
        return (
            Declaration(Role.FIXED_BOTTLENECK, wide, others),
            f"stored [out, in]? If dimension {wide} is its result,"
            f" Declaration(Role.INPUT, {others}, {wide}); if it is the model's output,"
            f" Declaration(Role.OUTPUT, {wide}, {others})",
        )
    return (
        Declaration(Role.INPUT, others, wide),
        f"stored [out, in]? If a sum runs over dimension {wide},"
        f" Declaration(Role.FIXED_BOTTLENECK, {wide}, {others}), or of the model's output"
        f" Declaration(Role.OUTPUT, {wide}, {others}); if none runs over it,"
        f" Declaration(Role.VECTOR, None, {wide})",
    )


def _is_output(one: Unrecognised) -> bool:
    """True if a sum over the wide dimension is the model's output, by names, place and start."""
    if _READS_OUT.search(one.owned.name):
        return True
    other_start = one.start_exponent is not None and one.start_exponent > _SHRINKS
    if one.has_readout or other_start or _is_added(one):
        return False
    # The root's own tensors come first in a model's order, wherever they are used.
    return one.is_last or "." not in one.owned.name


def _is_added(one: Unrecognised) -> bool:
    """True if name or shape is that of rows that are looked up or added."""
    is_broadcast = one.base_shape[0] == 1 and one.infinite[-1]
    return is_broadcast or _EMBEDS.search(one.owned.name) is not None


def _of_a_matrix(one: Unrecognised, grows: list[int]) -> tuple[Declaration, str]:
    *leading, fan_out, fan_in = grows
    rest = [axis for axis in range(len(one.base_shape)) if axis not in (fan_out, fan_in)]
    ins, outs = {fan_in}, {fan_out}
    for axis in [axis for axis in rest if axis not in leading]:
        size = one.base_shape[axis]
        if one.base_shape[fan_out] * size == one.base_width:
            outs.add(axis)
        elif one.base_shape[fan_in] * size == one.base_width or axis > fan_out:
            ins.add(axis)
    stacked = tuple(axis for axis in rest if axis not in ins | outs)
    inside, outside = tuple(sorted(ins)), tuple(sorted(outs))
    words = "stored [.., out, in]? Swap the two where it is [.., in, out]"
    if _starts_over(one, outside) and not _starts_over(one, inside):
        inside, outside = outside, inside
        words = f"its start is that of a sum over {inside}; swap the two where it is not"
    said = Declaration(
        Role.HIDDEN, as_axes(inside), as_axes(outside), stacked_axis=as_axes(stacked)
    )
    return (said, words)


def _starts_over(one: Unrecognised, fan_in: tuple[int, ...]) -> bool:
    """True if the model's own start has the size 1/sqrt(fan-in) for this fan-in."""
    values = values_of(one.owned.parameter)
    if values is None or not values.numel():
        return False
    size = math.prod(one.owned.parameter.shape[axis] for axis in fan_in)
    return abs(float(values.float().square().mean()) * size - 1) < _CLOSE


def as_code(said: Role | Declaration) -> str:
    """A role or declaration as Python.

    >>> as_code(Declaration(Role.HIDDEN, (0, 1), 2))
    'Declaration(Role.HIDDEN, (0, 1), 2)'
    """
    if isinstance(said, Role):
        return f"Role.{said.name}"
    parts = [f"Role.{said.role.name}"]
    if said.fan_in_axis is not None or said.fan_out_axis is not None:
        parts += [repr(said.fan_in_axis), repr(said.fan_out_axis)]
    for field in ("constant", "initial", "stacked_axis", "lookup"):
        if (value := getattr(said, field)) is not None:
            parts.append(f'{field}="{value}"' if isinstance(value, str) else f"{field}={value!r}")
    return f"Declaration({', '.join(parts)})"
