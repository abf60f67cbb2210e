"""The family `vit`: a vision transformer."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.family_sizes import PATCH_SIDE
from parametrization.shapes.parameter_counts import (
    linear,
    norm,
    patch_attention,
    patch_embedding,
    patch_feed_forward,
)
from tuner.spec.datasets.dataset import Dataset, LabelledImages
from tuner.spec.families.model_family import ModelFamily


class Vit(ModelFamily):
    """Vision transformer on patches of 2 x 2 pixels: pre-norm blocks, learned positions."""

    trains_on: ClassVar = LabelledImages
    builder: ClassVar = "parametrization.nn.models.vit:build"

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

    def data_problem(self, dataset: Dataset) -> str | None:
        """Images of which patches would leave a rest."""
        if not isinstance(dataset, LabelledImages) or dataset.side % PATCH_SIDE == 0:
            return None
        return (
            f"images of {dataset.side} x {dataset.side} pixels cannot be cut into patches of"
            f" {PATCH_SIDE} x {PATCH_SIDE}: use another size of images, or another family"
        )

    def positions_per_example(self, dataset: Dataset) -> float:
        """Patches of one image."""
        return dataset.pixels // PATCH_SIDE**2

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of the embedding, the blocks and the readout."""
        if not isinstance(dataset, LabelledImages):
            return None
        norms = norm(self.norm, width)
        block = patch_attention(width) + patch_feed_forward(width) + 2 * norms
        ends = patch_embedding(width, dataset) + norms + linear(width, dataset.classes)
        return ends + self.depth * block
