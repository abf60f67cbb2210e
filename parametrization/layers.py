"""The one layer that muP adds to torch's own: a readout with a forward multiplier."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Readout(nn.Linear):
    """Linear layer from a wide dimension to a finite one: logits, a regression's outputs.

    Computes `W (multiplier x) + b`. The multiplier is a plain number on the module: it survives
    deepcopy and compilation, and travels in the state dict, so that loading a checkpoint into a
    freshly built model cannot silently drop it.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        multiplier: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        self.multiplier = float(multiplier)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.multiplier * x, self.weight, self.bias)

    def get_extra_state(self) -> Tensor:
        """The multiplier as a tensor: formats that store nothing but tensors can keep it."""
        return torch.tensor(self.multiplier, dtype=torch.float64)

    def set_extra_state(self, state: Any) -> None:  # noqa: ANN401 - torch's own signature
        """Take the multiplier from a state dict."""
        self.multiplier = float(state)

    def extra_repr(self) -> str:
        """Shown in the module's repr."""
        return f"{super().extra_repr()}, multiplier={self.multiplier:g}"
