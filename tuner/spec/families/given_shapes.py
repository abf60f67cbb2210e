"""Find problems of base shapes that users submit, with remedies."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Final

from parametrization.shapes.roles import ModelShape, Role, TensorShape
from parametrization.text.visible import is_hidden

MOST_PROBLEMS: Final = 20
_LARGEST: Final = 2**31
_LONGEST_NAME: Final = 500

# Whether the fan-in and the fan-out grow with width; None: either, or there is none.
_WIDE: Final[dict[Role, tuple[bool | None, bool | None]]] = {
    Role.INPUT: (False, True),
    Role.HIDDEN: (True, True),
    Role.OUTPUT: (True, False),
    Role.MOE_ROUTER: (True, False),
}


def shape_problems(shape: ModelShape) -> Iterator[tuple[str, str]]:
    """(JSON pointer within the shapes, what to change), the first twenty."""
    return islice(_problems(shape), MOST_PROBLEMS)


def _problems(shape: ModelShape) -> Iterator[tuple[str, str]]:
    if not 1 <= shape.base_width <= _LARGEST:
        yield "/base_width", f"base_width {shape.base_width} must be a positive width"
    if not any(any(tensor.infinite) for tensor in shape.tensors):
        yield (
            "/tensors",
            "no dimension of any tensor grows with width: mark those that do with true in"
            " `infinite`",
        )
    seen: set[str] = set()
    for number, tensor in enumerate(shape.tensors):
        at = f"/tensors/{number}"
        if tensor.name in seen:
            yield f"{at}/name", f"{tensor.name[:80]!r} is listed twice: name each tensor once"
        seen.add(tensor.name)
        if not 0 < len(tensor.name) <= _LONGEST_NAME or any(map(is_hidden, tensor.name)):
            yield f"{at}/name", "must be the tensor's name in named_parameters(), of visible text"
        yield from ((f"{at}/{field}", words) for field, words in _of_tensor(tensor))


def _of_tensor(tensor: TensorShape) -> Iterator[tuple[str, str]]:
    dimensions = len(tensor.base_shape)
    if any(not 1 <= size <= _LARGEST for size in tensor.base_shape):
        yield "base_shape", f"{list(tensor.base_shape)} must be positive sizes"
        return
    if len(tensor.infinite) != dimensions:
        yield (
            "infinite",
            f"has {len(tensor.infinite)} entries for {dimensions} dimensions: give one for each",
        )
        return
    if not (math.isfinite(tensor.constant) and math.isfinite(tensor.taps) and tensor.taps > 0):
        yield "taps", "constant must be finite, and taps positive"
    yield from _of_axes(tensor)


def _of_axes(tensor: TensorShape) -> Iterator[tuple[str, str]]:
    dimensions = len(tensor.base_shape)
    axes = {
        "fan_in_axis": tensor.fan_in_axes,
        "fan_out_axis": tensor.fan_out_axes,
        "stacked_axes": tensor.stacked_axes,
    }
    named = [axis for listed in axes.values() for axis in listed]
    for field, listed in axes.items():
        for axis in listed:
            if not 0 <= axis < dimensions:
                words = f"{axis} is no dimension of {list(tensor.base_shape)}: they count from 0"
                yield field, words
            elif named.count(axis) > 1:
                yield field, f"dimension {axis} is named more than once: it is one thing alone"
    if all(0 <= axis < dimensions for axis in named):
        yield from _of_role(tensor)


def _of_role(tensor: TensorShape) -> Iterator[tuple[str, str]]:
    """A role that its axes contradict: every rule would be that of another tensor."""
    if tensor.role is Role.SCALAR and any(tensor.infinite):
        yield (
            "role",
            f"scalar is of tensors that do not grow with width, and {tensor.name} does: it is"
            " input, hidden, output or vector",
        )
    sides = (("fan_in_axis", tensor.fan_in_axes), ("fan_out_axis", tensor.fan_out_axes))
    for (field, axes), grows in zip(sides, _WIDE.get(tensor.role, (None, None)), strict=True):
        if grows is None:
            continue
        if not axes:
            yield field, f"a tensor of role {tensor.role} has one: say which dimension it is"
        elif any(tensor.infinite[axis] for axis in axes) is not grows:
            does = "does not" if grows else "does"
            yield (
                "role",
                f"the {field.removesuffix('_axis')} of a tensor of role {tensor.role}"
                f" {'grows' if grows else 'does not grow'} with width, and that of {tensor.name}"
                f" {does}: correct role, axes or `infinite`",
            )
