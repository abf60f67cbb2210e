"""Find the part of every dimension of a tensor from the few that were declared.

A dimension that was not declared is part of the fan-in, part of the fan-out, or holds one matrix
per index. Initial sizes and the steps of matrix optimizers differ between the three, so the tensor
is refused if its shape does not decide.
"""

import math
from typing import NamedTuple

from torch import nn

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.rows import CONVS, TRANSPOSED
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Axes, as_tuple

_CHANNELS = 2  # dimensions of a kernel's tensor that are not spatial


class Dimensions(NamedTuple):
    """All dimensions of a tensor, each in one of three parts."""

    fan_in: tuple[int, ...]
    fan_out: tuple[int, ...]
    stacked: tuple[int, ...]


class Grown(NamedTuple):
    """A tensor's shape at the base width, with the dimensions that grow with width.

    Attributes:
        kernel: number of trailing dimensions of a convolution's kernel, which are not declared.

    """

    name: str
    base_shape: tuple[int, ...]
    infinite: tuple[bool, ...]
    base_width: int
    kernel: int = 0


def dimensions(said: Declaration, tensor: Grown) -> Dimensions:
    """The declared dimensions, completed by the others.

    Raises:
        ValueError: if a dimension is not there or has two parts, or if one was left out and may
            be of several.

    """
    given = range(len(tensor.base_shape) - tensor.kernel)
    fan_in = tuple(axis for axis in _within(said.fan_in_axis, tensor) if axis in given)
    fan_out = _within(said.fan_out_axis, tensor)
    stacked = _within(said.stacked_axis, tensor)
    named = [*fan_in, *fan_out, *stacked]
    if twice := sorted({axis for axis in named if named.count(axis) > 1}):
        raise ValueError(
            f"dimension {twice[0]} of {tensor.name} is declared twice: each dimension is part of"
            f" the fan-in, of the fan-out, or stacked; got {said.fan_in_axis=},"
            f" {said.fan_out_axis=}, {said.stacked_axis=}".replace("said.", "")
        )
    left = tuple(axis for axis in given if axis not in named)
    if not left or not fan_in:
        return Dimensions(fan_in, fan_out, stacked)
    joined = [] if len(left) > 1 or stacked else _split_sides(fan_in, fan_out, left[0], tensor)
    is_leading = left == tuple(range(len(left)))
    if is_leading and not joined:
        return Dimensions(fan_in, fan_out, tuple(sorted({*stacked, *left})))
    if len(joined) == 1 and not is_leading:
        (side,) = joined
        whole = tuple(sorted({*side, *left}))
        return (
            Dimensions(whole, fan_out, stacked)
            if side == fan_in
            else Dimensions(fan_in, whole, stacked)
        )
    raise ValueError(_ambiguous(tensor, fan_in, fan_out, left))


def kernel_dimensions(owned: OwnedParameter) -> int:
    """Trailing dimensions of the parameter that are a convolution's kernel."""
    if owned.attribute != "weight" or not isinstance(owned.owner, (*CONVS, *TRANSPOSED)):
        return 0
    return owned.parameter.dim() - _CHANNELS


def taps(owner: nn.Module, fan_in: tuple[int, ...]) -> float:
    """Entries that one result sums per entry of the weight's fan-in axis."""
    if isinstance(owner, CONVS):
        return float(math.prod(owner.kernel_size))
    assert isinstance(owner, TRANSPOSED)
    # A transposed kernel reaches each result with 1/stride of its entries per dimension.
    reached = math.prod(owner.kernel_size) / math.prod(owner.stride)
    channels = owner.in_channels if fan_in == (0,) else owner.out_channels // owner.groups
    return reached * (owner.in_channels / owner.groups) / channels


def as_axes(dimensions: tuple[int, ...]) -> Axes:
    """As a TensorShape holds them: a single one as a number.

    >>> as_axes((1,)), as_axes((0, 1)), as_axes(())
    (1, (0, 1), None)
    """
    return dimensions[0] if len(dimensions) == 1 else dimensions or None


def _within(axes: Axes, tensor: Grown) -> tuple[int, ...]:
    count = len(tensor.base_shape)
    for axis in as_tuple(axes):
        if not -count <= axis < count:
            raise ValueError(
                f"{tensor.name} has {count} dimensions, {tensor.base_shape}, and no dimension"
                f" {axis}: declare those that it has, counted from 0"
            )
    return tuple(axis % count for axis in as_tuple(axes))


def _split_sides(
    fan_in: tuple[int, ...], fan_out: tuple[int, ...], left: int, tensor: Grown
) -> list[tuple[int, ...]]:
    """Sides that the dimension completes to the model's width: heads, beside their size."""
    size = tensor.base_shape[left]
    return [
        side
        for side in (fan_in, fan_out)
        if len(side) == 1
        and tensor.infinite[side[0]] != tensor.infinite[left]
        and size > 1
        and tensor.base_shape[side[0]] * size == tensor.base_width
    ]


def _ambiguous(
    tensor: Grown, fan_in: tuple[int, ...], fan_out: tuple[int, ...], left: tuple[int, ...]
) -> str:
    unsaid = ", ".join(f"{axis} (size {tensor.base_shape[axis]})" for axis in left)
    more_in, more_out = (tuple(sorted({*side, *left})) for side in (fan_in, fan_out))
    return (
        f"{tensor.name} {list(tensor.base_shape)} is declared with fan-in {_spoken(fan_in)} and"
        f" fan-out {_spoken(fan_out)}, which leaves dimension {unsaid}: declare"
        f" fan_in_axis={more_in} if it is summed over as well, fan_out_axis={more_out} if it is"
        f" part of the result, or stacked_axis={_spoken(left)} if it holds one matrix per index"
    )


def _spoken(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)
