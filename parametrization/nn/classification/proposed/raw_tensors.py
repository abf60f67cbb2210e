"""Propose axes and a role for a tensor that a module holds without a layer."""

import math
import re
from typing import Final, TypeAlias

from parametrization.nn.classification.axes import as_axes
from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.proposed.outputs import SHRINKS, is_added
from parametrization.nn.classification.proposed.unrecognised import Unrecognised
from parametrization.nn.classification.starts import values_of
from parametrization.shapes.roles import Role

_Said: TypeAlias = tuple[Declaration, str]
_CLOSE: Final = 0.2
_UNIFORM: Final = 3  # variance of a normal draw over that of torch's uniform one, of one fan-in
_REAL_AND_IMAGINARY: Final = 2
_LEAST_COMPLEX: Final = 3
_BLOCK: Final = 2
_SHIFTS: Final = re.compile(r"(^|\.)(b\d*|b_\w+|(?!lora)\w+_b|beta\d*|shift\d*)$")
"""Names of biases, one for each expert or head."""


def of_raw_tensor(one: Unrecognised) -> _Said:
    """The most likely declaration, and the question that only its author can answer."""
    grows = [axis for axis, wide in enumerate(one.infinite) if wide]
    sized = [axis for axis, size in enumerate(one.base_shape) if size > 1 or axis in grows]
    if not grows:
        return (
            Declaration(Role.SCALAR, None, as_axes(tuple(sized[-1:])), initial="keep"),
            "nothing in it grows; if a sum runs over one of its dimensions, say fan_in_axis",
        )
    if len(grows) == 1:
        return _of_one_wide_dimension(one, grows[0], sized)
    if one.is_output:
        return _of_bilinear_output(grows)
    return _of_complex_matrix(one, grows) if _is_complex(one) else _of_a_matrix(one, grows)


def _of_one_wide_dimension(one: Unrecognised, wide: int, sized: list[int]) -> _Said:
    others = as_axes(tuple(axis for axis in range(len(one.base_shape)) if axis != wide))
    falls = one.start_exponent is not None and one.start_exponent <= SHRINKS
    # Xavier's start between a fixed and a wide dimension falls as well.
    shrinks = falls and (not one.is_input or _starts_over(one, (wide,)))
    is_vector = sized == [wide] and not shrinks
    if not is_vector and one.is_output:
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
    if (known := _of_known_form(one, wide, sized)) is not None:
        return known
    if wide == max(sized) and not _enters(one, wide):
        return (
            Declaration(Role.FIXED_BOTTLENECK, wide, others),
            f"stored [out, in]? If dimension {wide} is its result,"
            f" Declaration(Role.INPUT, {others}, {wide}); if it is the model's output,"
            f" Declaration(Role.OUTPUT, {wide}, {others}); if its rows are added,"
            f" Declaration(Role.INPUT, None, {wide})",
        )
    return (
        Declaration(Role.INPUT, others, wide),
        f"stored [out, in]? If a sum runs over dimension {wide},"
        f" Declaration(Role.FIXED_BOTTLENECK, {wide}, {others}), or of the model's output"
        f" Declaration(Role.OUTPUT, {wide}, {others}); if none runs over it,"
        f" Declaration(Role.VECTOR, None, {wide})",
    )


def _enters(one: Unrecognised, wide: int) -> bool:
    """True if the fixed dimensions are likely summed over, by place, or by the start's size."""
    others = tuple(axis for axis in range(len(one.base_shape)) if axis != wide)
    return one.is_input or (one.start_exponent == 0 and _starts_over(one, others))


def _of_known_form(one: Unrecognised, wide: int, sized: list[int]) -> _Said | None:
    """A filter, biases, blocks or rows that are added, by shape and name."""
    if _is_complex(one):
        return (
            Declaration(Role.VECTOR, None, wide, initial="keep"),
            "complex factors, as a filter's, which start where the model starts them; if a sum runs"
            f" over dimension {wide}, say fan_in_axis={wide} and Role.FIXED_BOTTLENECK",
        )
    if _SHIFTS.search(one.owned.name) and wide == max(sized):
        return Declaration(Role.VECTOR, None, wide), "biases, of one expert or head in each row?"
    if (blocks := _blocks(one, wide, sized)) is not None:
        return blocks
    if is_added(one):
        return (
            Declaration(Role.INPUT, None, wide, initial="keep"),
            "rows that are looked up or added? If they are multiplied, say fan_in_axis",
        )
    return None


def _blocks(one: Unrecognised, wide: int, sized: list[int]) -> _Said | None:
    """Blocks of a fixed size, side by side: [blocks, out, in], which complete the width."""
    at, *inside = sized
    if at != wide or len(inside) != _BLOCK or one.base_shape[wide] % one.base_width == 0:
        return None
    out, over = inside
    sides = (one.base_shape[wide] * one.base_shape[axis] for axis in inside)
    if all(size % one.base_width for size in sides):
        return None
    if _starts_over(one, (out,)) and not _starts_over(one, (over,)):
        out, over = over, out
    said = Declaration(Role.VECTOR, over, (wide, out))
    return said, f"blocks of a fixed size, a sum over dimension {over} in each? Else swap the two"


def _is_complex(one: Unrecognised) -> bool:
    """True if the last dimension appears to be that of torch.view_as_real."""
    return (
        len(one.base_shape) >= _LEAST_COMPLEX
        and one.base_shape[-1] == _REAL_AND_IMAGINARY
        and not one.infinite[-1]
    )


def _of_complex_matrix(one: Unrecognised, grows: list[int]) -> _Said:
    """One matrix for each frequency, and for real and imaginary parts."""
    *_, fan_out, fan_in = grows
    if _starts_over(one, (fan_out, -1)) and not _starts_over(one, (fan_in, -1)):
        fan_in, fan_out = fan_out, fan_in
    rest = tuple(axis for axis in range(len(one.base_shape)) if axis not in (fan_out, fan_in))
    return (
        Declaration(Role.HIDDEN, fan_in, fan_out, stacked_axis=as_axes(rest)),
        "complex numbers, a matrix for each of the other dimensions? Swap the first two where it is"
        " stored [in, out]",
    )


def _of_bilinear_output(grows: list[int]) -> _Said:
    first, *_, last = grows
    return (
        Declaration(Role.OUTPUT, as_axes(tuple(grows)), 0),
        f"the model's output, a sum over dimensions {first} and {last}? If dimension 0 holds one"
        f" matrix per index, Declaration(Role.HIDDEN, {last}, {first}, stacked_axis=0)",
    )


def _of_a_matrix(one: Unrecognised, grows: list[int]) -> _Said:
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
    """True if the model's own start has the size 1/sqrt(fan-in) for this fan-in.

    At every width, as far as is known: one deviation for all fits that of some width by chance.
    """
    grows = any(one.infinite[axis] for axis in fan_in)
    falls = one.start_exponent is not None and one.start_exponent < SHRINKS
    if one.start_exponent is not None and falls is not grows:
        return False
    values = values_of(one.owned.parameter)
    if values is None or not values.numel():
        return False
    size = math.prod(one.owned.parameter.shape[axis] for axis in fan_in)
    variance = float(values.float().square().mean()) * size
    return any(abs(times * variance - 1) < _CLOSE for times in (1, _UNIFORM))
