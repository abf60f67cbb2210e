"""Keep account of who has had the slots, and which orders may give theirs up at a rung."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from tuner.decisions.allocation import Use
from tuner.engine.orders import OrderId
from tuner.engine.reports import Reached, Report
from tuner.records.snapshot import ActiveStudy

TURN_SECONDS: Final = 30.0
"""An order gives its slot up to a study of equal priority at the first rung after so long: its
trials have to be restored later, and a worker to be started, which takes seconds."""


class Turns:
    """The use that studies make of the shared slots, since this coordinator began to lead.

    Args:
        clock: seconds that slots are held for.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._held: Counter[str] = Counter()
        self._since: dict[OrderId, float] = {}
        self._served: dict[str, float] = {}
        self._at_rung: set[OrderId] = set()

    def use(self, studies: Collection[ActiveStudy], running: Iterable[ActiveStudy]) -> Use:
        """The use as of now, all time since `hold` charged to those who have held slots since.

        Args:
            studies: all that are active; others are forgotten.
            running: the study of every order that is in a shared slot now.

        """
        now = self._clock()
        self._charge(now - self._looked)
        self._looked = now
        known = {key for study in studies for key in _keys(study)}
        self._served = {key: had for key, had in self._served.items() if key in known}
        return Use(running=_count(running), served=self._served)

    def hold(self, running: Mapping[OrderId, ActiveStudy]) -> None:
        """Note which orders are in shared slots from now on, each with its study."""
        self._since = {order_id: self._since.get(order_id, self._clock()) for order_id in running}
        self._held = _count(running.values())

    def _charge(self, seconds: float) -> None:
        # One that comes late starts level with those who have had the least, not with nothing: it
        # would have the slots to itself until it had caught up.
        floor = min(self._served.values(), default=0.0)
        for key, slots in self._held.items():
            self._served[key] = self._served.get(key, floor) + slots * seconds

    def note_rungs(self, reports: Iterable[Report]) -> None:
        """Note which orders stand at a rung by what they just reported: nothing of them is lost."""
        self._at_rung = {report.order_id for report in reports if isinstance(report, Reached)}

    def giving_way(
        self, running: Mapping[OrderId, ActiveStudy], waiting: Collection[ActiveStudy]
    ) -> dict[OrderId, ActiveStudy]:
        """Orders whose slots may go to others now: at a rung, and for long enough or outranked.

        Args:
            running: the orders in shared slots, each with its study.
            waiting: studies that may want a slot.

        """
        return {
            order_id: study
            for order_id, study in running.items()
            if order_id in self._at_rung
            and any(self._goes_before(one, study, order_id) for one in waiting)
        }

    def _goes_before(self, other: ActiveStudy, study: ActiveStudy, order_id: OrderId) -> bool:
        if other.id == study.id or other.is_external:
            return False
        held_seconds = self._clock() - self._since[order_id]
        return other.priority > study.priority or (
            other.priority == study.priority and held_seconds >= TURN_SECONDS
        )


def _keys(study: ActiveStudy) -> set[str]:
    """What the study's use of slots is counted under: itself, and its share."""
    return {study.id, study.share}


def _count(running: Iterable[ActiveStudy]) -> Counter[str]:
    return Counter(key for study in running for key in _keys(study))
