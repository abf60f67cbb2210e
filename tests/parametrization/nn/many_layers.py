"""Models with the layers that the small ones lack: convolutions, tied tables, experts, heads."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import (
    ConvReadout,
    ExpertLinear,
    Readout,
    Residual,
    Router,
    TiedReadout,
)
from tests.parametrization.nn.small_models import CLASSES, HEAD_SIZE, VOCABULARY

CHANNELS = 3
SIDE = 8


class ConvFeatures(nn.Module):
    """Convolutions, a depthwise one among them, under a norm; one number per channel."""

    def __init__(self, width: int, *, norm: str = "batch") -> None:
        super().__init__()
        # Batch norm subtracts a bias before it: its gradient would be rounding noise alone, and its
        # slopes would depend on the processor.
        self.first = nn.Conv2d(CHANNELS, width, 3, padding=1, bias=norm != "batch")
        self.norm = nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(4, width)
        self.hidden = nn.Conv2d(width, width, 3, padding=1)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        x = functional.relu(self.depthwise(functional.relu(self.hidden(x))))
        return x.mean((-1, -2))


class ConvNet(nn.Module):
    """Classes by a linear readout."""

    def __init__(
        self, width: int, *, norm: str = "batch", readout: type[nn.Linear] = Readout
    ) -> None:
        super().__init__()
        self.features = ConvFeatures(width, norm=norm)
        self.readout = readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.features(x))
        return scores


class Autoencoder(nn.Module):
    """Down by a strided convolution, up by transposed ones, back to the image's channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(CHANNELS, width, 4, stride=2, padding=1)
        self.code = nn.ConvTranspose2d(width, 2 * width, 3, padding=1)
        self.up = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.readout = ConvReadout(width, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.code(functional.relu(self.down(x))))
        image: Tensor = self.readout(functional.relu(self.up(x)))
        return image


class TiedGpt(nn.Module):
    """A bag of tokens through one hidden layer, read out by the embedding's own table."""

    def __init__(
        self, width: int, *, readout: Callable[[nn.Embedding], nn.Module] = TiedReadout
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.hidden = nn.Linear(width, width)
        self.norm = nn.RMSNorm(width)
        self.readout = readout(self.tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens)
        logits: Tensor = self.readout(self.norm(x + functional.relu(self.hidden(x))))
        return logits


class GroupedQueries(nn.Module):
    """Attention with a fixed number of key and value heads and normalised queries and keys."""

    def __init__(self, width: int, *, kv_heads: int = 1) -> None:
        super().__init__()
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_heads * HEAD_SIZE, bias=False)
        self.v = nn.Linear(width, kv_heads * HEAD_SIZE, bias=False)
        self.q_norm, self.k_norm = nn.RMSNorm(HEAD_SIZE), nn.RMSNorm(HEAD_SIZE)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (-1, HEAD_SIZE)).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(
            self.q_norm(q), self.k_norm(k), v, is_causal=True, enable_gqa=True
        )
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(-2))
        return out


class Experts(nn.Module):
    """Every expert sees every token; the router weighs them."""

    def __init__(self, width: int, experts: int = 4) -> None:
        super().__init__()
        self.router = Router(width, experts, bias=False)
        self.up, self.down = (
            ExpertLinear(experts, width, width),
            ExpertLinear(experts, width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, -2)
        each = self.down(functional.relu(self.up(flat.expand(self.up.weight.shape[0], -1, -1))))
        weights = functional.softmax(self.router(flat), -1)
        return torch.einsum("ne,end->nd", weights, each).view_as(x)


class Modern(nn.Module):
    """Fixed key heads, QK-norm and experts, in residual blocks under a final norm."""

    def __init__(self, width: int, *, depth: int = 1) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.blocks = nn.Sequential(
            *(
                Residual(nn.Sequential(nn.RMSNorm(width), layer(width)))
                for _ in range(depth)
                for layer in (GroupedQueries, Experts)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.readout = Readout(width, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.norm(self.blocks(self.tokens(tokens))))
        return logits


class ResidualMlp(nn.Module):
    """Pre-norm residual blocks of two layers."""

    def __init__(self, width: int, *, depth: int = 2, inputs: int = 24, norm: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.Sequential(
            *(
                Residual(
                    nn.Sequential(
                        *([nn.RMSNorm(width)] if norm else []),
                        nn.Linear(width, width),
                        nn.ReLU(),
                        nn.Linear(width, width, bias=False),
                    )
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.RMSNorm(width)
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.norm(self.blocks(self.first(x))))
        return logits


class Bottleneck(nn.Module):
    """Wide, through a fixed width, wide again."""

    def __init__(self, width: int, *, fixed: int = 16) -> None:
        super().__init__()
        sizes = (24, width, fixed, width)
        self.layers = nn.ModuleList(nn.Linear(i, o, bias=False) for i, o in pairwise(sizes))
        self.readout = Readout(width, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = functional.relu(layer(x))
        logits: Tensor = self.readout(x)
        return logits


def picture_batch(seed: int, step: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Noise around ten fixed pictures, and which one each is of."""
    centres = torch.randn(CLASSES, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    draw = torch.Generator().manual_seed(1_000 * seed + step + 1)
    labels = torch.randint(CLASSES, (size,), generator=draw)
    noise = torch.randn(size, CHANNELS, SIDE, SIDE, generator=draw)
    return centres[labels] + 0.5 * noise, labels
