"""Model families for images, their options, without torch."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.model_family import ModelFamily

PIXELS = 64  # of a digit


class Resnet(ModelFamily):
    """Residual network of pre-activation blocks at full resolution; `width` channels."""

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
    def positions_per_example(self) -> float:
        """Pixels: every convolution works on all of them."""
        return PIXELS
