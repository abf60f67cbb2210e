"""Layers on images cut into patches, which all see each other: no mask.

Shape suffixes: B batch, F frames of 8 x 8 pixels, N patches of all frames, P pixels of a patch,
D width, H heads, S head size.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tuner.spec.families.vision import PATCHES
from workers.models.images import SIDE
from workers.models.parts import ACTIVATIONS

PATCH_SIDE: Final = 2
_GRID: Final = SIDE // PATCH_SIDE
_FEED_FORWARD_FACTOR: Final = 4


def to_patches(pixels: Tensor) -> Tensor:
    """Frames with their pixels in rows, [B, F * 64], as [B, N, P]."""
    x = pixels.view(pixels.shape[0], -1, _GRID, PATCH_SIDE, _GRID, PATCH_SIDE)
    return x.transpose(3, 4).reshape(pixels.shape[0], -1, PATCH_SIDE**2)


def from_patches(patches_BNP: Tensor) -> Tensor:
    """What `to_patches` was given."""
    x = patches_BNP.reshape(patches_BNP.shape[0], -1, _GRID, _GRID, PATCH_SIDE, PATCH_SIDE)
    return x.transpose(3, 4).flatten(1)


class PatchEmbedding(nn.Module):
    """Linear map of every patch, and a learned vector of its position."""

    def __init__(self, width: int, frames: int = 1) -> None:
        super().__init__()
        self.patch = nn.Linear(PATCH_SIDE**2, width)
        # nn.Embedding's own initialisation on the meta device imports torch's compiler: 5 s.
        self.position: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # torch
            torch.zeros(frames * PATCHES, width), freeze=False
        )

    def forward(self, pixels: Tensor) -> Tensor:
        x_BND = self.patch(to_patches(pixels))
        embedded_BND: Tensor = x_BND + self.position(
            torch.arange(x_BND.shape[1], device=pixels.device)
        )
        return embedded_BND


class PatchAttention(nn.Module):
    """Self-attention of every patch to all, with heads of a fixed size.

    Width adds heads, so that logits / sqrt(head size) are muP's: see
    `parametrization.nn.layers.attention_scale`.
    """

    def __init__(self, width: int, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BND: Tensor) -> Tensor:
        heads = self.qkv(x_BND).unflatten(-1, (3, -1, self.head_size))
        q_BHNS, k_BHNS, v_BHNS = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHNS = functional.scaled_dot_product_attention(q_BHNS, k_BHNS, v_BHNS)
        out_BND: Tensor = self.out(mixed_BHNS.transpose(1, 2).flatten(-2))
        return out_BND


class PatchFeedForward(nn.Module):
    """Up to four widths, activation, down again."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.up = nn.Linear(width, _FEED_FORWARD_FACTOR * width)
        self.activation = ACTIVATIONS[activation]
        self.down = nn.Linear(_FEED_FORWARD_FACTOR * width, width)

    def forward(self, x_BND: Tensor) -> Tensor:
        out_BND: Tensor = self.down(self.activation(self.up(x_BND)))
        return out_BND
