"""Diffusion transformer of one width that predicts the noise of an image or a clip.

Peebles and Xie 2023, arXiv:2212.09748; muP of it: Zheng et al. 2025, arXiv:2505.15270.

Shape suffixes: B batch, I pixels and the time, P pixels, N patches, D width.
"""

from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import Readout, Residual, ZeroLinear
from parametrization.nn.models.layers.parts import NORM_EPSILON
from parametrization.nn.models.layers.patches import (
    PatchAttention,
    PatchEmbedding,
    PatchFeedForward,
    from_patches,
)
from parametrization.nn.models.layers.time_embedding import TimeEmbedding
from parametrization.nn.models.options import DitOptions, ImageFacts
from parametrization.shapes.parameter_counts import patch_numbers


class Modulated(nn.Module):
    """A layer whose input is shifted and scaled, and its output gated, by the time (adaLN-zero).

    The modulation is a map between wide layers, hidden to the scaling rules, that starts at zero:
    so do gates, and the block is the identity.
    """

    def __init__(self, width: int, layer: nn.Module) -> None:
        super().__init__()
        self.norm = _plain_norm(width)
        self.modulation = ZeroLinear(width, 3 * width)
        self.layer = layer

    def forward(self, x_BND: Tensor, time_BD: Tensor) -> Tensor:
        modulation = self.modulation(functional.silu(time_BD))[:, None]
        shift_B1D, scale_B1D, gate_B1D = modulation.chunk(3, dim=-1)
        out_BND: Tensor = self.layer(self.norm(x_BND) * (1 + scale_B1D) + shift_B1D)
        gated_BND: Tensor = gate_B1D * out_BND
        return gated_BND


class Block(nn.Module):
    """Attention and feed-forward, each added to the residual stream."""

    def __init__(self, config: DitOptions, width: int) -> None:
        super().__init__()
        self.attention = Residual(Modulated(width, PatchAttention(width, config.head_size)))
        self.feed_forward = Residual(Modulated(width, PatchFeedForward(width, config.activation)))

    def forward(self, x_BND: Tensor, time_BD: Tensor) -> Tensor:
        out_BND: Tensor = self.feed_forward(self.attention(x_BND, time_BD), time_BD)
        return out_BND


class DitModel(nn.Module):
    """Patches of all frames, blocks, a last modulation, readout of every patch's pixels."""

    def __init__(self, config: DitOptions, width: int, dataset: ImageFacts) -> None:
        super().__init__()
        self.dataset = dataset
        self.time = TimeEmbedding(width)
        self.embedding = PatchEmbedding(width, dataset, config.frames)
        self.blocks = nn.ModuleList(Block(config, width) for _ in range(config.depth))
        self.norm = _plain_norm(width)
        self.modulation = ZeroLinear(width, 2 * width)
        self.readout = Readout(width, patch_numbers(dataset))

    def forward(self, x_BI: Tensor) -> Tensor:
        time_BD = self.time(x_BI[:, -1])
        x_BND = self.embedding(x_BI[:, :-1])
        for block in self.blocks:
            x_BND = block(x_BND, time_BD)
        modulation = self.modulation(functional.silu(time_BD))[:, None]
        shift_B1D, scale_B1D = modulation.chunk(2, dim=-1)
        patches_BNP = self.readout(self.norm(x_BND) * (1 + scale_B1D) + shift_B1D)
        return from_patches(patches_BNP, self.dataset)


def build(family: DitOptions, dataset: ImageFacts, width: int) -> nn.Module:
    """From noised clips and the time to the noise."""
    return DitModel(family, width, dataset)


def _plain_norm(width: int) -> nn.Module:
    """Gains and biases are the modulation's."""
    return nn.LayerNorm(width, eps=NORM_EPSILON, elementwise_affine=False)
