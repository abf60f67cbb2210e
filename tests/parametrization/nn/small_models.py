"""Small models with every kind of layer that has a rule, and data for them."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import Readout

CLASSES = 10
PIXELS = 24
VOCABULARY = 32
CONTEXT = 16
HEAD_SIZE = 16


class Mlp(nn.Module):
    def __init__(
        self, width: int, *, depth: int = 3, bias: bool = True, readout: type[nn.Linear] = Readout
    ) -> None:
        super().__init__()
        sizes = [PIXELS] + [width] * depth
        self.layers = nn.ModuleList(
            nn.Linear(i, o, bias=bias) for i, o in itertools.pairwise(sizes)
        )
        self.readout = readout(width, CLASSES, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = functional.relu(layer(x))
        logits: Tensor = self.readout(x)
        return logits


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, -1, HEAD_SIZE).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        projected: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return projected


class Block(nn.Module):
    def __init__(self, width: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.attn_norm, self.mlp_norm = norm(width), norm(width)
        self.attn = Attention(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.attn_norm(x))
        result: Tensor = x + self.down(functional.gelu(self.up(self.mlp_norm(x))))
        return result


class Gpt(nn.Module):
    def __init__(
        self,
        width: int,
        *,
        depth: int = 2,
        norm: type[nn.Module] = nn.RMSNorm,
        readout: type[nn.Linear] = Readout,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, norm) for _ in range(depth))
        self.norm = norm(width)
        self.readout = readout(width, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.readout(self.norm(x))
        return logits


def image_batch(seed: int, step: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """Points around ten fixed centres, and which one each belongs to."""
    centres = torch.randn(CLASSES, PIXELS, generator=torch.Generator().manual_seed(0))
    draw = torch.Generator().manual_seed(1_000 * seed + step + 1)
    labels = torch.randint(CLASSES, (size,), generator=draw)
    return centres[labels] + 0.5 * torch.randn(size, PIXELS, generator=draw), labels


def text_batch(seed: int, step: int, size: int = 8) -> tuple[Tensor, Tensor]:
    """Sequences that mostly count upwards from a random token; the target is the next token."""
    draw = torch.Generator().manual_seed(1_000 * seed + step + 1)
    start = torch.randint(VOCABULARY, (size, 1), generator=draw)
    noise = torch.randint(VOCABULARY, (size, CONTEXT + 1), generator=draw)
    is_noise = torch.rand(size, CONTEXT + 1, generator=draw) < 0.1
    clean = (start + torch.arange(CONTEXT + 1)) % VOCABULARY
    tokens = torch.where(is_noise, noise, clean)
    return tokens[:, :-1], tokens[:, 1:]


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, labels = batch
    return functional.cross_entropy(model(x).flatten(0, -2), labels.flatten())
