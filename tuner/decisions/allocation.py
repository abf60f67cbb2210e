"""Choose which studies' orders start on the slots that are free: a pure decision."""

from collections import Counter
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
    the older. A study with trainers of its own has their slots to itself, and no others. Which slot
    an order runs in is left to the engine: it knows which of its workers still have a trial in
    memory.

    Args:
        wanted: by study id, the orders that the study could start now, in its own order.
        slots: of the engine, busy or free.
        studies: those that may start orders; an order of any other study is not started.

    """
    free = free_slots(slots)
    chosen: list[AnyOrder] = []
    for study in sorted(studies, key=lambda study: study.precedence):
        taken = tuple(islice(wanted.get(study.id, ()), free[study.slots_of]))
        free[study.slots_of] -= len(taken)
        chosen += taken
    return tuple(chosen)


def free_slots(slots: Iterable[Slot]) -> Counter[str | None]:
    """How many slots are free, by the study whose orders alone they take, None for all others'."""
    return Counter(slot.study_id for slot in slots if slot.busy_with is None)
