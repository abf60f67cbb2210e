"""U-Net of one width that predicts the noise of an image.

Shape suffixes: B batch, I pixels and the time, P pixels, C channels, D width, H rows, W columns.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import ConvReadout
from parametrization.nn.models.layers.images import as_images, channel_norm, convolution
from parametrization.nn.models.layers.parts import ACTIVATIONS
from parametrization.nn.models.layers.time_embedding import TimeEmbedding
from parametrization.nn.models.options import ImageFacts, UnetOptions
from parametrization.shapes.family_sizes import DOUBLING_KERNEL, KERNEL


class Block(nn.Module):
    """Two convolutions behind norms, the time added between them, and a shortcut around.

    Where channels are concatenated the shortcut is a 1 x 1 convolution, as in Ho et al. 2020
    (arXiv:2006.11239). Concatenated channels are wide as any: the fan-in is that of both parts.
    """

    def __init__(self, config: UnetOptions, channels: int, width: int) -> None:
        super().__init__()
        self.norm1 = channel_norm("groupnorm", channels, config.group_size)
        self.convolution1 = convolution(channels, width)
        self.time = nn.Linear(width, width)
        self.norm2 = channel_norm("groupnorm", width, config.group_size)
        self.convolution2 = convolution(width, width)
        self.shortcut = (
            nn.Identity() if channels == width else nn.Conv2d(channels, width, 1, bias=False)
        )
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BCHW: Tensor, time_BD: Tensor) -> Tensor:
        hidden_BDHW = self.convolution1(self.activation(self.norm1(x_BCHW)))
        hidden_BDHW = hidden_BDHW + self.time(functional.silu(time_BD))[..., None, None]
        hidden_BDHW = self.convolution2(self.activation(self.norm2(hidden_BDHW)))
        out_BDHW: Tensor = self.shortcut(x_BCHW) + hidden_BDHW
        return out_BDHW


class UnetModel(nn.Module):
    """Blocks down to the lowest resolution and up again, each up beside its skip.

    Levels are no repeated residual blocks, so that no depth rule describes them.
    """

    def __init__(self, config: UnetOptions, width: int, dataset: ImageFacts) -> None:
        super().__init__()
        self.dataset = dataset
        levels = range(config.depth - 1)
        self.time = TimeEmbedding(width)
        self.stem = convolution(dataset.channels, width)
        self.down = nn.ModuleList(Block(config, width, width) for _ in levels)
        self.downsample = nn.ModuleList(
            nn.Conv2d(width, width, KERNEL, stride=2, padding=1, bias=False) for _ in levels
        )
        self.lowest = Block(config, width, width)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(width, width, DOUBLING_KERNEL, stride=2, padding=1, bias=False)
            for _ in levels
        )
        self.up = nn.ModuleList(Block(config, 2 * width, width) for _ in levels)
        self.norm = channel_norm("groupnorm", width, config.group_size)
        self.activation = ACTIVATIONS[config.activation]
        self.readout = ConvReadout(width, dataset.channels, KERNEL, padding=1)

    def forward(self, x_BI: Tensor) -> Tensor:
        time_BD = self.time(x_BI[:, -1])
        x_BDHW, skips = self.stem(as_images(x_BI[:, :-1], self.dataset)), []
        for block, downsample in zip(self.down, self.downsample, strict=True):
            x_BDHW = block(x_BDHW, time_BD)
            skips.append(x_BDHW)
            x_BDHW = downsample(x_BDHW)
        x_BDHW = self.lowest(x_BDHW, time_BD)
        for upsample, block in zip(self.upsample, self.up, strict=True):
            x_BCHW = torch.cat((upsample(x_BDHW), skips.pop()), dim=1)
            x_BDHW = block(x_BCHW, time_BD)
        noise_BP: Tensor = self.readout(self.activation(self.norm(x_BDHW))).flatten(1)
        return noise_BP


def build(family: UnetOptions, dataset: ImageFacts, width: int) -> nn.Module:
    """From noised images and the time to the noise."""
    return UnetModel(family, width, dataset)
