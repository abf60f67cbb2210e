"""The family `unet`: a U-Net for diffusion."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field

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
