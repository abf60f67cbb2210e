"""Residual network of one width, for images of digits.

Shape suffixes: B batch, P pixels, D channels (the width), H rows, W columns, C classes.
"""

from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import Readout, Residual
from parametrization.nn.models.layers.images import as_images, channel_norm, convolution
from parametrization.nn.models.layers.parts import ACTIVATIONS
from parametrization.nn.models.options import LabelledImageFacts, ResnetOptions
from parametrization.shapes.family_sizes import fine_blocks


class Branch(nn.Module):
    """Norm, activation, convolution, twice (He et al. 2016, arXiv:1603.05027, Fig. 1b)."""

    def __init__(self, config: ResnetOptions, width: int) -> None:
        super().__init__()
        self.norm1 = channel_norm(config.norm, width, config.group_size)
        self.convolution1 = convolution(width, width)
        self.norm2 = channel_norm(config.norm, width, config.group_size)
        self.convolution2 = convolution(width, width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BDHW: Tensor) -> Tensor:
        hidden_BDHW = self.convolution1(self.activation(self.norm1(x_BDHW)))
        out_BDHW: Tensor = self.convolution2(self.activation(self.norm2(hidden_BDHW)))
        return out_BDHW


class ResnetModel(nn.Module):
    """Stem convolution, residual blocks, final norm, mean over the image, readout.

    Half of the blocks (the odd one too) work at full resolution, then 2 x 2 pixels become their
    mean: the average is no map, so the residual stream has no role to scale.
    """

    def __init__(self, config: ResnetOptions, width: int, dataset: LabelledImageFacts) -> None:
        super().__init__()
        self.dataset = dataset
        self.stem = convolution(dataset.channels, width)
        self.blocks = nn.Sequential(*(Residual(Branch(config, width)) for _ in range(config.depth)))
        self.fine_blocks = fine_blocks(config.depth)
        self.norm = channel_norm(config.norm, width, config.group_size)
        self.activation = ACTIVATIONS[config.activation]
        self.readout = Readout(width, dataset.classes)

    def forward(self, x_BP: Tensor) -> Tensor:
        fine_BDHW = self.blocks[: self.fine_blocks](self.stem(as_images(x_BP, self.dataset)))
        x_BDHW = self.blocks[self.fine_blocks :](functional.avg_pool2d(fine_BDHW, 2))
        features_BD = self.activation(self.norm(x_BDHW)).mean((-2, -1))
        logits_BC: Tensor = self.readout(features_BD)
        return logits_BC


def build(family: ResnetOptions, dataset: LabelledImageFacts, width: int) -> nn.Module:
    """From images to their classes."""
    return ResnetModel(family, width, dataset)
