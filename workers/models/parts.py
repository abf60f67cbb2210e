"""What the families share: activations by name, and norms by name and width."""

from collections.abc import Callable
from typing import Final, Literal

from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": functional.tanh,
}

NORM_EPSILON: Final = 1e-5


def norm(kind: Literal["none", "layernorm", "rmsnorm"], width: int) -> nn.Module:
    """A norm over the last dimension; LayerNorm has a gain and a bias, RMSNorm a gain."""
    if kind == "layernorm":
        return nn.LayerNorm(width, eps=NORM_EPSILON)
    if kind == "rmsnorm":
        return nn.RMSNorm(width, eps=NORM_EPSILON)
    return nn.Identity()
