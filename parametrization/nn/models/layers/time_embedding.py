"""The time of a diffusion as a vector of the model's width.

Shape suffixes: B batch, E features of the time, D width.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.shapes.family_sizes import TIME_FEATURES

FEATURES: Final = TIME_FEATURES
_LONGEST: Final = 1e4  # ratio of the slowest wave's length to the fastest's
_SCALE: Final = 1e3  # times in (0, 1) as the thousand steps that these waves were made for


class TimeEmbedding(nn.Module):
    """Waves of the time, a map to the width, SiLU, a map within it (Ho et al. 2020, App. B).

    The first map has the same number of inputs at every width.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, width)
        self.second = nn.Linear(width, width)

    def forward(self, times_B: Tensor) -> Tensor:
        embedded_BD: Tensor = self.second(functional.silu(self.first(waves(times_B))))
        return embedded_BD


def waves(times_B: Tensor) -> Tensor:
    """Cosines and sines of the times at frequencies in geometric progression, [B, E]."""
    places = torch.arange(FEATURES // 2, dtype=times_B.dtype, device=times_B.device)
    angles = times_B[:, None] * _SCALE * _LONGEST ** (-2 * places / FEATURES)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
