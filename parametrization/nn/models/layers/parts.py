"""Activations and norms by name, and the roles that a family declares of its tensors."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.classify import Declaration
from parametrization.shapes.roles import Role

ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": functional.tanh,
}

NORM_EPSILON: Final = 1e-5


Declared: TypeAlias = Mapping[str, Role | Declaration]
"""By parameter name or pattern, the roles that do not follow from module types and shapes."""


def no_roles(_family: object) -> Declared:
    """{}: of a family whose tensors' roles all follow from module types and shapes."""
    return {}


def norm(
    kind: Literal["none", "layernorm", "rmsnorm"], width: int, *, gains: bool = True
) -> nn.Module:
    """A norm over the last dimension; LayerNorm has a gain and a bias, RMSNorm a gain."""
    if kind == "layernorm":
        return nn.LayerNorm(width, eps=NORM_EPSILON, elementwise_affine=gains)
    if kind == "rmsnorm":
        return nn.RMSNorm(width, eps=NORM_EPSILON, elementwise_affine=gains)
    return nn.Identity()
