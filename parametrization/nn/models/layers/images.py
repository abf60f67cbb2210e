"""Layers on images, shared by the families that see them.

Shape suffixes: B batch, P numbers of an image in one row, C channels, H rows, W columns.
"""

from typing import Literal

from torch import Tensor, nn

from parametrization.nn.models.layers.parts import NORM_EPSILON
from parametrization.nn.models.options import ImageFacts
from parametrization.shapes.family_sizes import KERNEL


def as_images(x_BP: Tensor, dataset: ImageFacts) -> Tensor:
    """Numbers of an image in their rows and channels: [B, C, H, W]."""
    return x_BP.view(-1, dataset.channels, dataset.side, dataset.side)


def convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    """3 x 3, image size kept; without a bias, which the norm after it would take away."""
    return nn.Conv2d(channels_in, channels_out, KERNEL, padding=1, bias=False)


def channel_norm(
    kind: Literal["batchnorm", "groupnorm"], channels: int, group_size: int
) -> nn.Module:
    """A norm with a gain and a bias per channel.

    A group has the same number of channels at every width, so that the norm is the same function
    at all of them, like attention of a fixed head size. A fixed number of groups keeps muP as
    well, with statistics that settle as groups grow.

    Args:
        group_size: channels of one group of a GroupNorm; a BatchNorm does not read it.

    """
    if kind == "batchnorm":
        return nn.BatchNorm2d(channels, eps=NORM_EPSILON)
    return nn.GroupNorm(channels // group_size, channels, eps=NORM_EPSILON)
