"""Layers on images cut into patches, which all see each other: no mask.

Shape suffixes: B batch, I numbers of all frames, N patches of all frames, P numbers of a patch,
D width, H heads, S head size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.models.layers.parts import ACTIVATIONS
from parametrization.nn.models.options import ImageFacts
from parametrization.shapes.family_sizes import FEED_FORWARD_FACTOR, PATCH_SIDE, pixels
from parametrization.shapes.parameter_counts import patch_numbers


def to_patches(rows_BI: Tensor, dataset: ImageFacts) -> Tensor:
    """Frames with their numbers in rows, [B, F * numbers], as [B, N, P]."""
    grid = dataset.side // PATCH_SIDE
    frames = rows_BI.view(len(rows_BI), -1, dataset.channels, grid, PATCH_SIDE, grid, PATCH_SIDE)
    patches = frames.permute(0, 1, 3, 5, 2, 4, 6)
    return patches.reshape(len(rows_BI), -1, patch_numbers(dataset))


def from_patches(patches_BNP: Tensor, dataset: ImageFacts) -> Tensor:
    """Frames from their patches: the inverse of `to_patches`."""
    grid = dataset.side // PATCH_SIDE
    patches = patches_BNP.reshape(
        len(patches_BNP), -1, grid, grid, dataset.channels, PATCH_SIDE, PATCH_SIDE
    )
    return patches.permute(0, 1, 4, 2, 5, 3, 6).flatten(1)


class PatchEmbedding(nn.Module):
    """Linear map of every patch, and a learned vector of its position."""

    def __init__(self, width: int, dataset: ImageFacts, frames: int = 1) -> None:
        super().__init__()
        self.dataset = dataset
        self.patch = nn.Linear(patch_numbers(dataset), width)
        positions = frames * pixels(dataset) // PATCH_SIDE**2
        # nn.Embedding's own initialisation on the meta device imports torch's compiler: 5 s.
        self.position: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # torch
            torch.zeros(positions, width), freeze=False
        )

    def forward(self, rows_BI: Tensor) -> Tensor:
        x_BND = self.patch(to_patches(rows_BI, self.dataset))
        embedded_BND: Tensor = x_BND + self.position(
            torch.arange(x_BND.shape[1], device=rows_BI.device)
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
        self.up = nn.Linear(width, FEED_FORWARD_FACTOR * width)
        self.activation = ACTIVATIONS[activation]
        self.down = nn.Linear(FEED_FORWARD_FACTOR * width, width)

    def forward(self, x_BND: Tensor) -> Tensor:
        out_BND: Tensor = self.down(self.activation(self.up(x_BND)))
        return out_BND
