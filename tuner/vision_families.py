"""Model families for images, their options, without torch."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.model_family import ModelFamily

PIXELS = 64  # of a digit


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
