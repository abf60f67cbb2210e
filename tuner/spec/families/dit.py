"""The family `dit`: a diffusion transformer."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.family_sizes import PATCH_SIDE
from parametrization.shapes.parameter_counts import (
    linear,
    patch_attention,
    patch_embedding,
    patch_feed_forward,
    patch_numbers,
    time_embedding,
)
from tuner.spec.datasets.dataset import Dataset, NoisedImages
from tuner.spec.families.model_family import ModelFamily


class Dit(ModelFamily):
    """Diffusion transformer on patches of 2 x 2 pixels: blocks modulated by the time (adaLN)."""

    trains_on: ClassVar = NoisedImages
    builder: ClassVar = "parametrization.nn.models.dit:build"
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

    def positions_per_example(self, dataset: Dataset) -> float:
        """Patches, on average over maps between wide layers.

        A block has 12 times width squared that work on every patch, and 6 that make its
        modulation, once a clip; so do the time's embedding and the last modulation, 1 and 2.
        """
        once = 6 * self.depth + 3
        patches = self.frames * dataset.pixels // PATCH_SIDE**2
        return (12 * self.depth * patches + once) / (12 * self.depth + once)

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of the embeddings, the blocks with their modulations, and the readout."""
        if not isinstance(dataset, NoisedImages):
            return None
        modulations = 2 * linear(width, 3 * width)
        block = patch_attention(width) + patch_feed_forward(width) + modulations
        embeddings = time_embedding(width) + patch_embedding(width, dataset, self.frames)
        readout = linear(width, 2 * width) + linear(width, patch_numbers(dataset))
        return embeddings + self.depth * block + readout
