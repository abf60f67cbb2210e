"""The slots that users' own trainers provide: busy ones, free ones, and those free next."""

from collections.abc import Iterable, Iterator, Sequence

from tuner.engine.orders import OrderId
from tuner.engine.slots import Slot
from tuner.storage.leases.offers import AskingTrainer, LiveLease
from tuner.storage.leases.states import LeaseState


def external_slots(
    leases: Sequence[LiveLease], asking: Iterable[AskingTrainer], *, ahead: bool
) -> Iterator[Slot]:
    """Slots of trainers that train, ask, or will ask next, and of orders that none has taken."""
    held = [lease for lease in leases if lease.state is not LeaseState.OFFERED]
    trainers = {AskingTrainer(lease.study_id, str(lease.worker)): lease.order_id for lease in held}
    for trainer, order_id in trainers.items():
        yield _slot(*trainer, order_id)
    offered = _by_study(leases)
    free = [(one, one.worker) for one in asking if one not in trainers]
    free += [(one, f"{one.worker}, next") for one in trainers] if ahead else []
    for trainer, name in free:
        waiting = offered.get(trainer.study_id)
        yield _slot(trainer.study_id, name, waiting.pop(0) if waiting else None)
    for study_id, orders in offered.items():
        for order_id in orders:
            yield _slot(study_id, f"whoever asks for {order_id}", order_id)


def _by_study(leases: Iterable[LiveLease]) -> dict[str, list[OrderId]]:
    """Orders on offer, by study."""
    offered: dict[str, list[OrderId]] = {}
    for lease in leases:
        if lease.state is LeaseState.OFFERED:
            offered.setdefault(lease.study_id, []).append(lease.order_id)
    return offered


def _slot(study_id: str, worker: str, order_id: OrderId | None) -> Slot:
    return Slot(
        name=f"{worker} ({study_id})",
        device="external",
        device_kind="external",
        study_id=study_id,
        busy_with=order_id,
    )
