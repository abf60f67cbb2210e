"""Two engines as one: workers of the service, and trainers of users' own."""

from tuner.engine.orders import AnyOrder, OrderId, ProbeOrder, TrainOrder
from tuner.engine.protocol import Engine
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from tuner.spec.families.model_family import ModelFamily


class CompositeEngine:
    """Sends every order where its model can be built, and collects the reports of both.

    Args:
        workers: take every order but those of external families.
        trainers: take those.

    """

    def __init__(self, workers: Engine, trainers: Engine) -> None:
        self._workers = workers
        self._trainers = trainers

    def slots(self) -> tuple[Slot, ...]:
        """Slots of both engines."""
        return self._workers.slots() + self._trainers.slots()

    def start(self, order: AnyOrder) -> None:
        """Hand an order to the engine that can carry it out.

        Raises:
            NoFreeSlot: if there is none in it.

        """
        (self._trainers if family_of(order).is_external else self._workers).start(order)

    def cancel(self, order_id: OrderId) -> None:
        """End whatever runs the order."""
        self._workers.cancel(order_id)
        self._trainers.cancel(order_id)

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        """Reports of both; only that of the workers is waited for."""
        told = self._trainers.wait(0)
        return told + self._workers.wait(0 if told else timeout_seconds)

    def close(self) -> None:
        """End every process of both."""
        self._workers.close()
        self._trainers.close()


def family_of(order: AnyOrder) -> ModelFamily:
    """The family of the order's model."""
    if isinstance(order, TrainOrder):
        return order.trials[0].spec.model.family
    return order.trial.model.family if isinstance(order, ProbeOrder) else order.model.family
