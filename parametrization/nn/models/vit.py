"""Vision transformer of one width.

Shape suffixes: B batch, P pixels, N patches, D width, C classes.
"""

from torch import Tensor, nn

from parametrization.nn.layers import Readout, Residual
from parametrization.nn.models.layers.parts import norm
from parametrization.nn.models.layers.patches import (
    PatchAttention,
    PatchEmbedding,
    PatchFeedForward,
)
from parametrization.nn.models.options import LabelledImageFacts, VitOptions


class PreNorm(nn.Module):
    """A layer behind a norm."""

    def __init__(self, config: VitOptions, width: int, layer: nn.Module) -> None:
        super().__init__()
        self.norm = norm(config.norm, width)
        self.layer = layer

    def forward(self, x_BND: Tensor) -> Tensor:
        out_BND: Tensor = self.layer(self.norm(x_BND))
        return out_BND


class VitModel(nn.Module):
    """Patches, residual blocks of attention and feed-forward, norm, mean, readout.

    Mean pooling takes the place of a class token (Beyer et al. 2022, arXiv:2205.01580).
    """

    def __init__(self, config: VitOptions, width: int, dataset: LabelledImageFacts) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(width, dataset)
        self.blocks = nn.Sequential(*(_block(config, width) for _ in range(config.depth)))
        self.norm = norm(config.norm, width)
        self.readout = Readout(width, dataset.classes)

    def forward(self, x_BP: Tensor) -> Tensor:
        x_BND = self.blocks(self.embedding(x_BP))
        logits_BC: Tensor = self.readout(self.norm(x_BND).mean(-2))
        return logits_BC


def build(family: VitOptions, dataset: LabelledImageFacts, width: int) -> nn.Module:
    """From images to their classes."""
    return VitModel(family, width, dataset)


def _block(config: VitOptions, width: int) -> nn.Module:
    layers = (
        PatchAttention(width, config.head_size),
        PatchFeedForward(width, config.activation),
    )
    return nn.Sequential(*(Residual(PreNorm(config, width, layer)) for layer in layers))
