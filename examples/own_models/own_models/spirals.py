"""A residual network that tells two spirals apart, as a task.

Shape suffixes: B batch, D width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

import widthwise
from parametrization.nn.layers import Residual

Points = tuple[Tensor, Tensor]


def points(count: int, drawn: torch.Generator) -> Points:
    """Points of both spirals, and which one each is of."""
    which_B = torch.randint(2, (count,), generator=drawn)
    turn_B = torch.rand(count, generator=drawn) * 3 * math.pi + 1
    angle_B = turn_B + math.pi * which_B
    place_B2 = torch.stack((angle_B.cos(), angle_B.sin()), 1) * turn_B[:, None] / 5
    return place_B2 + 0.05 * torch.randn(count, 2, generator=drawn), which_B


class Branch(nn.Module):
    """Norm, map, activation, map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)

    def forward(self, x_BD: Tensor) -> Tensor:
        out_BD: Tensor = self.down(functional.silu(self.up(self.norm(x_BD))))
        return out_BD


class SpiralNet(nn.Module):
    """A stem, residual blocks, a norm and two logits."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Linear(2, width)
        self.blocks = nn.Sequential(*(Residual(Branch(width)) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)

    def forward(self, x_B2: Tensor) -> Tensor:
        logits_B2: Tensor = self.head(self.norm(self.blocks(self.stem(x_B2))))
        return logits_B2


class Spirals(widthwise.Task):
    """Numbers as in its declaration, which workers hold them to."""

    base_width = 32
    width_divisor = 8
    metric = "error rate"

    def model(self, width: int, depth: int) -> SpiralNet:
        return SpiralNet(width, depth)

    def loss(self, model: nn.Module, batch: Points) -> Tensor:
        place, which = batch
        return functional.cross_entropy(model(place), which)

    def batch(self, seed: int, step: int, size: int) -> Points:
        return points(size, torch.Generator().manual_seed(1_000_003 * seed + step))

    def validate(self, model: nn.Module) -> float:
        place, which = points(1_000, torch.Generator().manual_seed(2**40))
        wrong: float = (model(place).argmax(1) != which).double().mean().item()
        return wrong + 1e-3  # positive, also where nothing is wrong
