"""Convert tensors between a parameter that may be sharded and the update that steps it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from torch import Tensor

from parametrization.nn.updates.update import LayerSignals, State


class Views(NamedTuple):
    """Conversions before and after the update of a parameter that may be sharded.

    Attributes:
        take: from a stored tensor to the update's argument.
        give: from the stepped parameter to the stored one.
        keep: from the update's new state to the stored one.
        signals: from this process's layer signals to the update's argument.
        computes: True if this process computes the update; the others receive its result.

    """

    take: Callable[[Tensor], Tensor]
    give: Callable[[Tensor], Tensor]
    keep: Callable[[State], State]
    signals: Callable[[LayerSignals], LayerSignals]
    computes: bool = True


AS_THEY_ARE: Final = Views(
    take=lambda tensor: tensor,
    give=lambda tensor: tensor,
    keep=lambda state: state,
    signals=lambda signals: signals,
)
