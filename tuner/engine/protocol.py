"""Define what every engine can do: run orders in slots, and report about them."""

from typing import Protocol

from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot


class NoFreeSlot(RuntimeError):
    """No slot of the engine is free for an order: the slots have changed since they were asked."""

    def __init__(self, order_id: OrderId, remedy: str) -> None:
        super().__init__(f"no slot is free for order {order_id}: {remedy}")


class Engine(Protocol):
    """Runs orders. Only `wait` blocks."""

    def slots(self) -> tuple[Slot, ...]:
        """Every slot there is now, busy or free."""

    def start(self, order: AnyOrder) -> None:
        """Hand an order to a free slot; idempotent by (order id, attempt).

        Raises:
            NoFreeSlot: if there is none; the order may be started again later.

        """

    def cancel(self, order_id: OrderId) -> None:
        """End the process that runs the order; no report of it follows. Unknown ids are ignored."""

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        """Reports since the last call, as soon as there is one, or [] after the timeout."""

    def close(self) -> None:
        """End every process of the engine."""
