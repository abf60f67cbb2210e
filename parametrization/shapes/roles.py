"""Define the roles that tensors have in the scaling rules, and a model's base shapes."""

import math
from dataclasses import dataclass
from enum import StrEnum


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
    GQA_KV = "gqa_kv"  # wide to a fixed number of key or value heads


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One parameter tensor at the base width.

    Attributes:
        name: as in `named_parameters()`.
        base_shape: its shape at the base width.
        infinite: per dimension, whether it grows with width.
        fan_in_axis: dimension summed over in the forward pass; None where nothing is summed.
        fan_out_axis: dimension of the result; None for scalars without dimensions.
        constant: what every entry starts at where nothing is summed (a gain at 1, a bias at 0);
            tensors with a fan-in are drawn at random instead.
        in_block: whether it sits in a residual block, of which depth adds more.
        taps: entries summed per entry of the fan-in axis: k*k of a convolution.
        tied: a lookup table that the readout reads as well.
        zero: starts at zero although it has a fan-in, at every width.

    """

    name: str
    role: Role
    base_shape: tuple[int, ...]
    infinite: tuple[bool, ...]
    fan_in_axis: int | None
    fan_out_axis: int | None
    constant: float = 0.0
    in_block: bool = False
    taps: float = 1.0
    tied: bool = False
    zero: bool = False

    @property
    def base_std(self) -> float | None:
        """1/sqrt(fan_in), the standard deviation at the base width; None if it has no fan-in.

        A lookup table has 1 (Theta(1), as Table 8 of Tensor Programs V asks): one-hot inputs make
        the vocabulary the fan-in, but a lookup sums nothing, so 1/sqrt(vocabulary) would only
        shrink what it feeds. A table is stored (vocabulary, width), a matrix (out, in): with two
        dimensions the axis of the fan-in tells them apart.
        """
        if self.fan_in_axis is None:
            return None
        if self.zero:
            return 0.0
        if self.is_table:
            return 1.0
        return 1 / math.sqrt(self.base_shape[self.fan_in_axis] * self.taps)

    @property
    def is_table(self) -> bool:
        """Whether rows are looked up: stored (vocabulary, width) where a matrix is (out, in)."""
        return self.fan_in_axis == 0 and len(self.base_shape) == 2

    def shape_at(self, width_mult: float) -> tuple[int, ...]:
        """Shape at `width_mult` times the base width."""
        return tuple(
            round(size * width_mult) if wide else size
            for size, wide in zip(self.base_shape, self.infinite, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Every parameter tensor of a model at its base width, in `named_parameters()` order."""

    base_width: int
    tensors: tuple[TensorShape, ...]
