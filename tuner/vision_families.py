"""Model families for images, their options, without torch."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from tuner.model_family import ModelFamily

PIXELS: Final = 64  # of a digit
PATCH_PIXELS: Final = 4
PATCHES: Final = PIXELS // PATCH_PIXELS


class Resnet(ModelFamily):
    """Residual network of pre-activation blocks; `width` channels at both resolutions."""

    datasets: ClassVar = ("digits",)

    name: Literal["resnet"]
    depth: int = Field(default=2, ge=1, le=64)
    """Residual blocks of two 3 x 3 convolutions each."""
    norm: Literal["batchnorm", "groupnorm"] = "groupnorm"
    group_size: int = Field(default=8, ge=1, le=1024)
    """Channels of one group of a GroupNorm, fixed over widths: the number of groups is
    width / group_size."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"

    @property
    def width_divisor(self) -> int:
        """Every width of this family is a multiple of this."""
        return self.group_size if self.norm == "groupnorm" else 1

    @property
    def divisor_field(self) -> str:
        """Which option the divisor comes from."""
        return "group_size" if self.norm == "groupnorm" else ""

    @property
    def fine_blocks(self) -> int:
        """Blocks at full resolution, before 2 x 2 pixels become one."""
        return (self.depth + 1) // 2

    @property
    def positions_per_example(self) -> float:
        """Pixels that a convolution works on, on average over the blocks."""
        return PIXELS * (self.fine_blocks + (self.depth - self.fine_blocks) / 4) / self.depth


class Vit(ModelFamily):
    """Vision transformer on patches of 2 x 2 pixels: pre-norm blocks, learned positions."""

    datasets: ClassVar = ("digits",)

    name: Literal["vit"]
    depth: int = Field(default=2, ge=1, le=64)
    """Blocks of attention and feed-forward (4 x width)."""
    head_size: int = Field(default=16, ge=1, le=256)
    """Size of one attention head, fixed over widths: the number of heads is width / head_size."""
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    activation: Literal["relu", "gelu", "silu", "tanh"] = "gelu"

    @property
    def width_divisor(self) -> int:
        """Every width of this family is a multiple of this."""
        return self.head_size

    @property
    def divisor_field(self) -> str:
        """Which option the divisor comes from."""
        return "head_size"

    @property
    def positions_per_example(self) -> float:
        """Patches of one image."""
        return PATCHES
