"""Keep account of the studies' use of slots, and of the orders that may give theirs up."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from tuner.decisions.allocation import Use
from tuner.engine.orders import OrderId
from tuner.engine.reports import Reached, Report
from tuner.records.snapshot import ActiveStudy

TURN_SECONDS: Final = 30.0
"""Seconds after which an order gives its slot up to a study of equal priority, at its next rung:
its trials have to be restored later, and a worker to be started, which takes seconds."""
SMALL_SECONDS: Final = 120.0
"""Slot-seconds up to which a study is small: it need not wait for a large one's next rung."""


class Turns:
    """The use that studies make of the shared slots, since this coordinator began to lead.

    Args:
        clock: monotonic seconds, by which slots are held.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._held: Counter[str] = Counter()
        self._since: dict[OrderId, float] = {}
        self._served: dict[str, float] = {}
        self._had: dict[str, float] = {}
        """Slot-seconds, by study id and by share."""
        self._at_rung: set[OrderId] = set()
        self._stored_at: dict[OrderId, float] = {}
        """Time, by `clock`, at which each order in a slot began or reached its last rung."""
        self._interrupted: set[OrderId] = set()
        """Ids of orders that lost unstored training and have reached no rung since."""
        self._starved_since: dict[str, float] = {}

    def use(self, studies: Collection[ActiveStudy], running: Iterable[ActiveStudy]) -> Use:
        """The use as of now, all time since `hold` charged to those who have held slots since.

        Args:
            studies: all that are active; others are forgotten.
            running: the study of every order that is in a shared slot now.

        """
        now = self._clock()
        self._charge(now - self._looked)
        self._looked = now
        known = {study.id for study in studies} | {study.share for study in studies}
        self._served = {key: had for key, had in self._served.items() if key in known}
        self._had = {key: had for key, had in self._had.items() if key in known}
        return Use(running=_count(running), served=self._served)

    def hold(self, running: Mapping[OrderId, ActiveStudy]) -> None:
        """Note which orders are in shared slots from now on, each with its study."""
        now = self._clock()
        self._since = {order_id: self._since.get(order_id, now) for order_id in running}
        self._stored_at = {order_id: self._stored_at.get(order_id, now) for order_id in running}
        self._held = _count(running.values())

    def _charge(self, seconds: float) -> None:
        # A study that comes late starts level with the one served least, not with nothing: it would
        # have the slots to itself until it had caught up.
        floor = min(self._served.values(), default=0.0)
        for key, slots in self._held.items():
            self._served[key] = self._served.get(key, floor) + slots * seconds
            self._had[key] = self._had.get(key, 0.0) + slots * seconds

    def note_rungs(self, reports: Iterable[Report]) -> None:
        """Note which orders stand at a rung by what they just reported: nothing of them is lost."""
        self._at_rung = {report.order_id for report in reports if isinstance(report, Reached)}
        self._stored_at |= dict.fromkeys(self._at_rung, self._clock())
        self._interrupted -= self._at_rung

    def giving_way(
        self, running: Mapping[OrderId, ActiveStudy], waiting: Collection[ActiveStudy]
    ) -> dict[OrderId, ActiveStudy]:
        """Orders whose slots may go to others now: at a rung, and for long enough or outranked.

        Where none is at a rung, and a study has waited for a turn without any slot, one order may
        be interrupted between two rungs, once: it trains again what it had not stored. Only a study
        of higher priority has that right, or a small one over a large one.

        Args:
            running: the orders in shared slots, each with its study.
            waiting: studies that may want a slot.

        """
        now = self._clock()
        served = {study.id for study in running.values()}
        self._starved_since = {
            study.id: self._starved_since.get(study.id, now)
            for study in waiting
            if study.id not in served and not study.is_external
        }
        at_rungs = {id_: study for id_, study in running.items() if id_ in self._at_rung}
        if at_rungs:
            asking = {study.id: study.priority for study in waiting if not study.is_external}
            others = Counter(asking.values())
            at_rungs = {
                order_id: study
                for order_id, study in at_rungs.items()
                if self._comes_before(others, study.id in asking, study, order_id)
            }
        return at_rungs or self._interruptible(running, waiting, now)

    def _interruptible(
        self,
        running: Mapping[OrderId, ActiveStudy],
        waiting: Collection[ActiveStudy],
        now: float,
    ) -> dict[OrderId, ActiveStudy]:
        """The order that loses least by giving way between two rungs, if one has to."""
        starved = [
            study
            for study in waiting
            if now - self._starved_since.get(study.id, now) >= TURN_SECONDS
        ]
        if not starved:
            return {}
        highest = max(study.priority for study in starved)
        of_small = {study.priority for study in starved if self._is_small(study)}
        losses = {
            order_id: now - self._stored_at.get(order_id, now)
            for order_id, study in running.items()
            if order_id not in self._interrupted
            and (
                highest > study.priority
                or (study.priority in of_small and not self._is_small(study))
            )
        }
        if not losses:
            return {}
        order_id = min(losses, key=lambda one: (losses[one], one))
        return {order_id: running[order_id]}

    def _is_small(self, study: ActiveStudy) -> bool:
        return self._had.get(study.id, 0.0) < SMALL_SECONDS

    def note_preempted(self, order_ids: Iterable[OrderId]) -> None:
        """Note which orders have had to give their slots up."""
        self._interrupted |= set(order_ids) - self._at_rung

    def _comes_before(
        self, others: Counter[int], is_among_them: bool, study: ActiveStudy, order_id: OrderId
    ) -> bool:
        """True if a study of these priorities comes before this study's order at its rung."""
        equals = others[study.priority] - is_among_them
        held_seconds = self._clock() - self._since[order_id]
        return (equals > 0 and held_seconds >= TURN_SECONDS) or max(
            others, default=study.priority
        ) > study.priority


def _keys(study: ActiveStudy) -> set[str]:
    """The keys that a study's use of slots is counted under: its id, and its share."""
    return {study.id, study.share}


def _count(running: Iterable[ActiveStudy]) -> Counter[str]:
    return Counter(key for study in running for key in _keys(study))
