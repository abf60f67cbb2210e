"""The family `unet`: a U-Net for diffusion."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.family_sizes import DOUBLING_KERNEL
from parametrization.shapes.parameter_counts import convolution, linear, norm, time_embedding
from tuner.spec.datasets.dataset import Dataset, NoisedImages
from tuner.spec.families.model_family import ModelFamily


class Unet(ModelFamily):
    """U-Net for diffusion: `width` channels at every resolution, skips concatenated."""

    trains_on: ClassVar = NoisedImages
    builder: ClassVar = "parametrization.nn.models.unet:build"
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

    def positions_per_example(self, dataset: Dataset) -> float:
        """Pixels that a parameter works on, on average over maps between wide layers.

        Those of a block on the way down are 2 x 9 and its time's 1, of the halving convolution 9,
        of the doubling one 16, of a block on the way up 18 + 9 and its shortcut's 2 and time's 1:
        all times width squared.
        """
        pixels = [dataset.pixels / 4**level for level in range(self.depth)]
        works = [(1, 1.0)]  # the time's embedding
        for here in pixels:
            works += [(18, here), (1, 1.0)]
        for here, below in pairwise(pixels):
            works += [(9, below), (16, below), (29, here), (1, 1.0)]
        return sum(size * count for size, count in works) / sum(size for size, _ in works)

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of the way down, the way up beside its skips, and the readout."""
        if not isinstance(dataset, NoisedImages):
            return None
        below = self.depth - 1
        doubling = DOUBLING_KERNEL**2 * width**2
        ways = convolution(width, width) + doubling + _block(2 * width, width)
        levels = self.depth * _block(width, width) + below * ways
        ends = norm("groupnorm", width) + 2 * convolution(dataset.channels, width)
        return time_embedding(width) + levels + ends + dataset.channels


def _block(channels: int, width: int) -> int:
    """Two convolutions behind norms, the time's map, and a shortcut where channels change."""
    convolutions = convolution(channels, width) + convolution(width, width)
    norms = norm("groupnorm", channels) + norm("groupnorm", width)
    shortcut = 0 if channels == width else linear(channels, width, bias=False)
    return convolutions + norms + shortcut + linear(width, width)
