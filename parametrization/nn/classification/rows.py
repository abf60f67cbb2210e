"""Give every kind of parameter that torch's and this package's layers have its role and axes.

An ordered table, first match wins. Follows `mup`'s notion of infinite dimensions (Yang et al. 2022,
App. B.2).
"""

from typing import Final, NamedTuple

from torch import nn

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.layers import (
    ConvReadout,
    ConvReadout1d,
    ExpertLinear,
    Readout,
    Router,
)
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Role

W, F = True, False  # a dimension that grows with width, and one that does not
NORMS: Final = (
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)
CONVS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LOOKUPS: Final = (nn.Embedding, nn.EmbeddingBag)
CONV_READOUTS: Final = (ConvReadout, ConvReadout1d)
AFFINE: Final = (nn.Linear, *CONVS, *TRANSPOSED)


class Row(NamedTuple):
    """One kind of parameter; its role is None where it is refused."""

    module: type[nn.Module] | tuple[type[nn.Module], ...]
    attribute: str
    infinite: tuple[bool, ...] | None  # leading dimensions, others finite; None: whatever it is
    role: Role | None  # None: refused
    fan_in_axis: int | None = None
    fan_out_axis: int | None = None
    constant: float = 0.0
    grouped: bool | None = None  # None: either, or no convolution
    stacked_axis: int | None = None

    def declaration(self, role: Role) -> Declaration:
        """The row's axes and constant, with this role."""
        return Declaration(
            role, self.fan_in_axis, self.fan_out_axis, self.constant, stacked_axis=self.stacked_axis
        )


# fmt: off
TABLE: Final = (
    Row(LOOKUPS,       "weight", (F, W), Role.INPUT,  0, 1),  # tokens or positions, one-hot
    Row(LOOKUPS,       "weight", (F, F), Role.SCALAR, 0, 1),
    Row(Router,        "weight", (F, W), Role.MOE_ROUTER, 1, 0),  # a Readout too: before it
    Row(Router,        "weight", None,   None),
    Row(Readout,       "weight", (F, W), Role.OUTPUT, 1, 0),  # a Linear too: before it
    Row(Readout,       "weight", None,   None),
    Row(CONV_READOUTS, "weight", (F, W), Role.OUTPUT, 1, 0, grouped=False),  # Convs too
    Row(CONV_READOUTS, "weight", None,   None),
    Row(nn.Linear,     "weight", (W, F), Role.INPUT,  1, 0),
    Row(nn.Linear,     "weight", (W, W), Role.HIDDEN, 1, 0),
    Row(nn.Linear,     "weight", (F, F), Role.SCALAR, 1, 0),
    Row(CONVS,         "weight", (W, F), Role.INPUT,  1, 0, grouped=False),
    Row(CONVS,         "weight", (W, F), Role.VECTOR, 1, 0, grouped=True),  # groups of fixed size
    Row(CONVS,         "weight", (W, W), Role.HIDDEN, 1, 0),
    Row(CONVS,         "weight", (F, F), Role.SCALAR, 1, 0),
    Row(TRANSPOSED,    "weight", (F, W), Role.INPUT,  0, 1, grouped=False),  # stored in, out
    Row(TRANSPOSED,    "weight", (W, F), Role.VECTOR, 1, 0, grouped=True),
    Row(TRANSPOSED,    "weight", (W, W), Role.HIDDEN, 0, 1),
    Row(TRANSPOSED,    "weight", (F, F), Role.SCALAR, 0, 1),
    Row(ExpertLinear,  "weight", (F, W, W), Role.HIDDEN, 2, 1, stacked_axis=0),
    Row(AFFINE,        "bias",   (W,),   Role.VECTOR, None, 0),
    Row(AFFINE,        "bias",   (F,),   Role.SCALAR, None, 0),  # also the readout's
    Row(NORMS,         "weight", (W,),   Role.VECTOR, None, 0, constant=1.0),
    Row(NORMS,         "weight", (F,),   Role.SCALAR, None, 0, constant=1.0),  # over a fixed head
    Row(NORMS,         "bias",   (W,),   Role.VECTOR, None, 0),
    Row(NORMS,         "bias",   (F,),   Role.SCALAR, None, 0),
)
# fmt: on


def row_of(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Row | None:
    """The first row that describes the parameter."""
    return next((row for row in TABLE if _describes(row, owned, infinite)), None)


def row_of_layer(owned: OwnedParameter) -> Row | None:
    """The first row of its layer that has a role, for any growing dimensions: read for its axes."""
    return next((row for row in TABLE if row.role is not None and _is_of(row, owned)), None)


def _describes(row: Row, owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    if not _is_of(row, owned):
        return False
    if row.grouped is not None and row.grouped is not (_groups(owned.owner) > 1):
        return False
    if row.infinite is None:
        return True
    leading = len(row.infinite)
    return infinite[:leading] == row.infinite and not any(infinite[leading:])


def _is_of(row: Row, owned: OwnedParameter) -> bool:
    return isinstance(owned.owner, row.module) and owned.attribute == row.attribute


def _groups(owner: nn.Module) -> int:
    return owner.groups if isinstance(owner, (*CONVS, *TRANSPOSED)) else 1
