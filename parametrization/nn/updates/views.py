"""Show an update the tensors of a parameter that may lie spread over processes."""

from collections.abc import Callable
from typing import Final, NamedTuple

from torch import Tensor

from parametrization.nn.updates.update import LayerSignals, State


class Views(NamedTuple):
    """What an update is given, and what comes of what it returns.

    Attributes:
        computes: whether this process computes the update; the others are given its result.

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
