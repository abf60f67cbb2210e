"""Choose which studies' orders start on the slots that are free: a pure decision.

Priority comes first. Of equal priority the share that holds the fewest slots is next, then the one
that has had the least of them so far (start-time fair queueing, Goyal, Vin and Cheng 1996), so that
a small study waits for a turn and never for the end of a large one.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from tuner.engine.orders import AnyOrder
from tuner.engine.slots import Slot
from tuner.records.snapshot import ActiveStudy

Precedence = tuple[int, int, float, int, float, dt.datetime, str]


class Use(NamedTuple):
    """Shares of the common slots that studies use."""

    running: Mapping[str, int] = {}
    """Orders that run now, by study id and by share."""
    served: Mapping[str, float] = {}
    """Slot-seconds so far, by study id and by share; one that has had none is next."""

    def precedence(self, study: ActiveStudy) -> Precedence:
        """Ascending in the order in which studies are given the next slot."""
        share = study.share
        return (
            -study.priority,
            self.running.get(share, 0),
            self.served.get(share, -1.0),
            self.running.get(study.id, 0),
            self.served.get(study.id, -1.0),
            study.created_at,
            study.id,
        )


UNUSED: Final = Use()


def allocate(
    wanted: Mapping[str, Iterable[AnyOrder]],
    slots: Iterable[Slot],
    studies: Collection[ActiveStudy],
    use: Use = UNUSED,
    most_per_share: int | None = None,
) -> tuple[AnyOrder, ...]:
    """Choose the orders to start now, as many as there are free slots.

    The slots go one by one to the study whose turn it is. A study with trainers of its own has
    their slots to itself, and no others. Which slot an order runs in is left to the engine: it
    knows which of its workers still have a trial in memory.

    Args:
        wanted: by study id, the orders that the study could start now, in its own order; made as
            they are asked for, no more than can start.
        slots: of the engine, busy or free.
        studies: those that may start orders; an order of any other study is not started.
        use: present and past use of the slots.
        most_per_share: orders of one share that may run at once; None for as many as there are
            slots. Users' own trainers are not limited.

    """
    free = free_slots(slots)
    running = Counter(use.running)
    use = use._replace(running=running)
    orders = {study.id: iter(wanted[study.id]) for study in studies if study.id in wanted}
    turns = [(use.precedence(study), study) for study in studies if study.id in orders]
    heapify(turns)
    chosen: list[AnyOrder] = []
    left = free.total()
    while turns and left:
        turn, study = heappop(turns)
        limited = most_per_share is not None and not study.is_external
        if not free[study.slots_of] or (limited and running[study.share] >= (most_per_share or 0)):
            continue  # neither changes again: slots and shares only fill
        if turn != use.precedence(study):  # its share has been given a slot meanwhile
            heappush(turns, (use.precedence(study), study))
            continue
        order = next(orders[study.id], None)
        if order is None:
            continue
        chosen.append(order)
        free[study.slots_of] -= 1
        left -= 1
        if not study.is_external:
            running.update({study.id, study.share})
        heappush(turns, (use.precedence(study), study))
    return tuple(chosen)


def free_slots(slots: Iterable[Slot]) -> Counter[str | None]:
    """Numbers of free slots by the study that they are reserved for, None for all others."""
    return Counter(
        slot.study_id for slot in slots if slot.busy_with is None and slot.problem is None
    )
