"""Choose which studies' orders start on the slots that are free: a pure decision."""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from tuner.engine.orders import AnyOrder
from tuner.engine.slots import Slot
from tuner.records.snapshot import ActiveStudy


def allocate(
    wanted: Mapping[str, Iterable[AnyOrder]],
    slots: Iterable[Slot],
    studies: Collection[ActiveStudy],
) -> tuple[AnyOrder, ...]:
    """Choose the orders to start now, as many as there are free slots.

    The study of the highest priority goes first and takes all that it wants; of equal priority,
    the older. Which slot an order runs in is left to the engine: it knows which of its workers
    still have a trial in memory.

    Args:
        wanted: by study id, the orders that the study could start now, in its own order.
        slots: of the engine, busy or free.
        studies: those that may start orders; an order of any other study is not started.

    """
    free = sum(slot.busy_with is None for slot in slots)
    offered = (
        order
        for study in sorted(studies, key=lambda study: study.precedence)
        for order in wanted.get(study.id, ())
    )
    return tuple(islice(offered, free))
