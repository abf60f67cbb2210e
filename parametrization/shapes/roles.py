"""Roles of tensors in the scaling rules, and a model's base shapes."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Axes: TypeAlias = int | tuple[int, ...] | None
"""One dimension, several that count as one, or none."""


class Role(StrEnum):
    INPUT = "input"  # finite fan-in, wide fan-out: embedding, first layer
    HIDDEN = "hidden"  # wide to wide
    OUTPUT = "output"  # wide fan-in, finite fan-out: readout
    VECTOR = "vector"  # one wide dimension: bias, norm gain, depthwise convolution
    SCALAR = "scalar"  # no wide dimension: temperature, bias of the readout
    QK_NORM_GAIN = "qk_norm_gain"  # over a head of fixed size, shared by all heads
    FINAL_NORM = "final_norm"  # gain or bias of the norm after the last residual block
    MOE_ROUTER = "moe_router"  # wide fan-in to a fixed number of experts
    FIXED_BOTTLENECK = "fixed_bottleneck"  # wide to a fixed width inside the model
    GQA_KV = "gqa_kv"  # wide to a fixed number of key or value heads, or a state space's selection


class Layout(NamedTuple):
    """Every dimension of a tensor: in the order (stacked, fan-out, fan-in), a stack of matrices.

    Attributes:
        stacked: dimensions that hold one matrix per index: experts.
        fan_out: dimensions of the result.
        fan_in: dimensions that are summed over, those of a kernel included.
        kernel: those of the fan-in that are positions of a kernel.
        parts: shares of the fan-out's first dimension that are matrices of their own; empty where
            all of it is one.

    """

    stacked: tuple[int, ...] = ()
    fan_out: tuple[int, ...] = ()
    fan_in: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()

    def sides(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(fan-out, fan-in) of one matrix of a tensor of this shape."""
        return math.prod(shape[a] for a in self.fan_out), math.prod(shape[a] for a in self.fan_in)


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One parameter tensor at the base width.

    Attributes:
        name: as in `named_parameters()`.
        base_shape: its shape at the base width.
        infinite: per dimension, whether it grows with width.
        fan_in_axis: dimension, or dimensions, summed over in the forward pass; None where nothing
            is summed. Heads [heads, head size, width] that are merged sum over two.
        fan_out_axis: dimension, or dimensions, of the result; None for scalars without dimensions.
        constant: what every entry starts at where nothing is summed (a gain at 1, a bias at 0);
            tensors with a fan-in are drawn at random instead.
        in_block: whether it sits in a residual block, of which depth adds more.
        taps: entries summed per entry of the fan-in's dimensions: k*k of a convolution, whose
            kernel is neither fan-in, fan-out nor stacked.
        tied: a lookup table that the readout reads as well.
        zero: starts at zero although it has a fan-in, at every width.
        is_table: whether its rows are looked up, as an Embedding's are.
        stacked_axes: dimensions that hold one matrix per index, as experts' do.
        parts: shares of the fan-out's first dimension that are matrices of their own: queries, keys
            and values in one tensor, the gates of an LSTM. Empty where all of it is one.
        decayed: whether weight decay acts on it; None: as the policy on vectors says.
        kept: starts as the model has it, at every width: nothing is drawn or filled in.
        start_exponent: of width, in the size of the model's own start; None where it is unknown.

    """

    name: str
    role: Role
    base_shape: tuple[int, ...]
    infinite: tuple[bool, ...]
    fan_in_axis: Axes
    fan_out_axis: Axes
    constant: float = 0.0
    in_block: bool = False
    taps: float = 1.0
    tied: bool = False
    zero: bool = False
    is_table: bool = False
    stacked_axes: tuple[int, ...] = ()
    kept: bool = False
    start_exponent: float | None = field(default=None, compare=False)  # measured, with its noise
    parts: tuple[int, ...] = ()
    decayed: bool | None = None

    @property
    def fan_in_axes(self) -> tuple[int, ...]:
        """The fan-in's dimensions, without a kernel's."""
        return as_tuple(self.fan_in_axis)

    @property
    def fan_out_axes(self) -> tuple[int, ...]:
        """The fan-out's dimensions."""
        return as_tuple(self.fan_out_axis)

    @property
    def layout(self) -> Layout:
        """The kind of every dimension; a kernel's count as fan-in."""
        fan_out, stacked = self.fan_out_axes, self.stacked_axes
        rest = set(range(len(self.base_shape))) - {*fan_out, *stacked, *self.fan_in_axes}
        kernel = tuple(sorted(rest))
        return Layout(stacked, fan_out, (*self.fan_in_axes, *kernel), kernel, self.parts)

    @property
    def fan_in(self) -> float | None:
        """Entries that one result sums at the base width; None where nothing is summed."""
        return self.size_along(self.fan_in_axes) * self.taps if self.fan_in_axes else None

    @property
    def fan_in_grows(self) -> bool:
        """True if the fan-in grows with width."""
        return any(self.infinite[axis] for axis in self.fan_in_axes)

    def size_along(self, axes: tuple[int, ...]) -> int:
        """Product of the base sizes of some dimensions."""
        return math.prod(self.base_shape[axis] for axis in axes)

    @property
    def base_std(self) -> float | None:
        """1/sqrt(fan_in), the standard deviation at the base width; None if nothing is drawn.

        A lookup table has 1 (Theta(1), as Table 8 of Tensor Programs V asks): one-hot inputs make
        the vocabulary the fan-in, but a lookup sums nothing, so 1/sqrt(vocabulary) would only
        shrink what it feeds.
        """
        if self.fan_in is None or self.kept:
            return None
        if self.zero:
            return 0.0
        return 1.0 if self.is_table else 1 / math.sqrt(self.fan_in)

    def shape_at(self, width_mult: float) -> tuple[int, ...]:
        """Shape at `width_mult` times the base width."""
        return tuple(
            round(size * width_mult) if wide else size
            for size, wide in zip(self.base_shape, self.infinite, strict=True)
        )


def as_tuple(axes: Axes) -> tuple[int, ...]:
    """Dimensions as a tuple.

    >>> as_tuple(1), as_tuple((0, 1)), as_tuple(None)
    ((1,), (0, 1), ())
    """
    if axes is None:
        return ()
    return (axes,) if isinstance(axes, int) else tuple(axes)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Every parameter tensor of a model at its base width, in `named_parameters()` order."""

    base_width: int
    tensors: tuple[TensorShape, ...]
