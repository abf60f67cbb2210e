"""The family `resnet`: a residual network for images."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.family_sizes import fine_blocks
from parametrization.shapes.parameter_counts import convolution, linear, norm
from tuner.spec.datasets.dataset import Dataset, LabelledImages
from tuner.spec.families.model_family import ModelFamily


class Resnet(ModelFamily):
    """Residual network of pre-activation blocks; `width` channels at both resolutions."""

    trains_on: ClassVar = LabelledImages
    builder: ClassVar = "parametrization.nn.models.resnet:build"

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

    def data_problem(self, dataset: Dataset) -> str | None:
        """Images that cannot be halved."""
        if not isinstance(dataset, LabelledImages) or dataset.side != 1:
            return None
        return "images of a single pixel cannot be halved: use the family mlp"

    def positions_per_example(self, dataset: Dataset) -> float:
        """Pixels that a convolution works on, on average over the blocks."""
        fine = fine_blocks(self.depth)
        blocks = fine + (self.depth - fine) / 4
        return dataset.pixels * blocks / self.depth

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of the stem, the blocks and the readout."""
        if not isinstance(dataset, LabelledImages):
            return None
        norms = norm(self.norm, width)
        block = 2 * (norms + convolution(width, width))
        ends = convolution(dataset.channels, width) + norms + linear(width, dataset.classes)
        return ends + self.depth * block
