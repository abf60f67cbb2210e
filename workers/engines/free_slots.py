"""Choose the free slot that an order goes to, for engines whose slots keep trials in memory."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from tuner.engine.orders import AnyOrder
from tuner.engine.protocol import NoFreeSlot
from workers.engines.slot_process import code_of, trials_of


class _Place(Protocol):
    @property
    def order(self) -> AnyOrder | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def problem(self) -> str | None: ...
    def holds(self, wanted: frozenset[tuple[str, int]], /) -> int: ...


PlaceT = TypeVar("PlaceT", bound=_Place)


def best_free(slots: Iterable[PlaceT], order: AnyOrder) -> PlaceT:
    """The free slot that holds most of the order's trials; of equals one that has run its code.

    Raises:
        NoFreeSlot: if there is none.

    """
    free = [slot for slot in slots if slot.order is None and slot.problem is None]
    if not free:
        raise NoFreeSlot(order.id, "wait for a report first")
    wanted, code = trials_of(order), code_of(order)
    return max(free, key=lambda slot: (slot.holds(wanted), slot.code == code))
