"""Model families for images, their options, without torch."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Final, Literal

from pydantic import Field

from tuner.spec.families.model_family import ModelFamily

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
    def parts_of_width(self) -> Mapping[str, int]:
        """Whole groups, where there are any."""
        return {"group_size": self.group_size} if self.norm == "groupnorm" else {}

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
    def parts_of_width(self) -> Mapping[str, int]:
        """Whole heads."""
        return {"head_size": self.head_size}

    @property
    def positions_per_example(self) -> float:
        """Patches of one image."""
        return PATCHES


class Unet(ModelFamily):
    """U-Net for diffusion: `width` channels at every resolution, skips concatenated."""

    datasets: ClassVar = ("noised-digits",)
    refused_optimizers: ClassVar = dict.fromkeys(
        ("kfac", "ekfac"), "its transposed convolutions have no Kronecker factors here"
    )
    no_depth_rule: ClassVar = "its levels are no repeated residual blocks"

    name: Literal["unet"]
    depth: int = Field(default=3, ge=1, le=4)
    """Resolutions: 8 x 8 pixels, and half as many a side with each further one."""
    group_size: int = Field(default=8, ge=1, le=1024)
    """Channels of one group of a GroupNorm, fixed over widths: the number of groups is
    width / group_size."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "silu"

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """Whole groups."""
        return {"group_size": self.group_size}

    @property
    def positions_per_example(self) -> float:
        """Pixels that a parameter works on, on average over maps between wide layers.

        Those of a block on the way down are 2 x 9 and its time's 1, of the halving convolution 9,
        of the doubling one 16, of a block on the way up 18 + 9 and its shortcut's 2 and time's 1:
        all times width squared.
        """
        pixels = [PIXELS / 4**level for level in range(self.depth)]
        works = [(1, 1.0)]  # the time's embedding
        for here in pixels:
            works += [(18, here), (1, 1.0)]
        for here, below in pairwise(pixels):
            works += [(9, below), (16, below), (29, here), (1, 1.0)]
        return sum(size * count for size, count in works) / sum(size for size, _ in works)


class Dit(ModelFamily):
    """Diffusion transformer on patches of 2 x 2 pixels: blocks modulated by the time (adaLN)."""

    datasets: ClassVar = ("noised-digits",)
    refused_optimizers: ClassVar = dict.fromkeys(
        ("kfac", "ekfac"),
        "its blocks start closed, without gradients, and these optimizers divide by the gradient's"
        " own size",
    )

    name: Literal["dit"]
    depth: int = Field(default=2, ge=1, le=64)
    """Blocks of attention and feed-forward (4 x width)."""
    head_size: int = Field(default=16, ge=1, le=256)
    """Size of one attention head, fixed over widths: the number of heads is width / head_size."""
    frames: int = Field(default=1, ge=1, le=16)
    """Images of one clip; attention is over the patches of all of them."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "gelu"

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """Whole heads."""
        return {"head_size": self.head_size}

    @property
    def frames_per_example(self) -> int:
        """Images of one clip."""
        return self.frames

    @property
    def positions_per_example(self) -> float:
        """Patches, on average over maps between wide layers.

        A block has 12 times width squared that work on every patch, and 6 that make its
        modulation, once a clip; so do the time's embedding and the last modulation, 1 and 2.
        """
        once = 6 * self.depth + 3
        patches = self.frames * PATCHES
        return (12 * self.depth * patches + once) / (12 * self.depth + once)
