"""Which role each parameter of a torch model has: an ordered table, first match wins.

Follows `mup`'s notion of infinite dimensions (Yang et al. 2022, App. B.2). What no row
describes is refused, never guessed.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from torch import nn

from parametrization.layers import Readout
from parametrization.parameter_names import OwnedParameter, owned_parameters
from parametrization.roles import ModelShape, Role, TensorShape

W, F = True, False  # a dimension that grows with width, and one that does not
NORMS: Final = (nn.LayerNorm, nn.RMSNorm)


class _Row(NamedTuple):
    module: type[nn.Module] | tuple[type[nn.Module], ...]
    attribute: str
    infinite: tuple[bool, ...] | None  # None: whatever it is
    role: Role | None  # None: refused
    fan_in_axis: int | None = None
    fan_out_axis: int | None = None
    constant: float = 0.0


# fmt: off
_TABLE: Final = (
    _Row(nn.Embedding, "weight", (F, W), Role.INPUT,  0, 1),  # tokens or positions, one-hot
    _Row(nn.Embedding, "weight", (F, F), Role.SCALAR, 0, 1),
    _Row(Readout,      "weight", (F, W), Role.OUTPUT, 1, 0),  # a Linear too: before it
    _Row(Readout,      "weight", None,   None),
    _Row(nn.Linear,    "weight", (W, F), Role.INPUT,  1, 0),
    _Row(nn.Linear,    "weight", (W, W), Role.HIDDEN, 1, 0),
    _Row(nn.Linear,    "weight", (F, F), Role.SCALAR, 1, 0),
    _Row(nn.Linear,    "bias",   (W,),   Role.VECTOR, None, 0),
    _Row(nn.Linear,    "bias",   (F,),   Role.SCALAR, None, 0),  # also the readout's
    _Row(NORMS,        "weight", (W,),   Role.VECTOR, None, 0, constant=1.0),
    _Row(NORMS,        "weight", (F,),   Role.SCALAR, None, 0, constant=1.0),  # over a fixed head
    _Row(NORMS,        "bias",   (W,),   Role.VECTOR, None, 0),
    _Row(NORMS,        "bias",   (F,),   Role.SCALAR, None, 0),
)
# fmt: on


def classify_model(
    model: nn.Module, base_dimensions: Mapping[str, tuple[int | None, ...]], base_width: int
) -> ModelShape:
    """Roles and base shapes of a model's parameters, in `named_parameters()` order.

    Args:
        model: of any width, on any device; read for its module types and finite dimensions.
        base_dimensions: per parameter, the base size of every dimension that grows with width
            and None for the others.
        base_width: the width at which those sizes hold.

    Raises:
        ValueError: if a parameter fits no row of the table, or is tied to another.

    """
    return ModelShape(
        base_width,
        tuple(_classify(owned, base_dimensions[owned.name]) for owned in owned_parameters(model)),
    )


def _classify(owned: OwnedParameter, dimensions: tuple[int | None, ...]) -> TensorShape:
    infinite = tuple(size is not None for size in dimensions)
    row = next((row for row in _TABLE if _describes(row, owned, infinite)), None)
    if row is None or row.role is None:
        raise ValueError(_refusal(owned, infinite))
    base_shape = tuple(
        actual if base is None else base
        for base, actual in zip(dimensions, owned.parameter.shape, strict=True)
    )
    return TensorShape(
        name=owned.name,
        role=row.role,
        base_shape=base_shape,
        infinite=infinite,
        fan_in_axis=row.fan_in_axis,
        fan_out_axis=row.fan_out_axis,
        constant=row.constant,
    )


def _describes(row: _Row, owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    return (
        isinstance(owned.owner, row.module)
        and owned.attribute == row.attribute
        and row.infinite in (None, infinite)
    )


def _refusal(owned: OwnedParameter, infinite: tuple[bool, ...]) -> str:
    sizes = ", ".join(
        f"{size} ({'grows with width' if wide else 'fixed'})"
        for size, wide in zip(owned.parameter.shape, infinite, strict=True)
    )
    return (
        f"no scaling rule for {owned.name} of {type(owned.owner).__name__}, shape [{sizes}]:"
        f" {_remedy(owned.owner, infinite)}"
    )


def _remedy(owner: nn.Module, infinite: tuple[bool, ...]) -> str:
    if isinstance(owner, Readout):
        return (
            "a readout maps a dimension that grows with width to a fixed one;"
            " does the delta model vary its input?"
        )
    if isinstance(owner, nn.Linear) and infinite == (F, W):
        return (
            "a map from a wide to a fixed dimension needs a forward multiplier: make it a"
            " parametrization.layers.Readout if it is the model's output; otherwise let its"
            " output grow with width, in the delta model too"
        )
    known = "Linear, Embedding, LayerNorm, RMSNorm and parametrization.layers.Readout"
    return f"rules exist for the weights and biases of {known}; build the layer from those"
