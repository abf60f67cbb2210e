"""Remember the active studies as they were read, so that a report costs what it changes.

Only the coordinator writes trials and orders, and every other change of a study raises its version,
so what was read stays true until the coordinator stores something. What starts and reports write is
taken over without reading. After a decision, the trials that it has made, promoted or ended are
read again; after an order was lost, or gave its slot up, that order's trials and the study's open
orders. Anything else (another version, failed orders, results of checks) makes the whole study be
read anew.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tuner.coordinator.turns import Turns
from tuner.decisions.search import Searches
from tuner.engine.orders import (
    AnyOrder,
    CheckOrder,
    DescribeOrder,
    DynamicsOrder,
    OrderId,
    ProbeOrder,
    TrainOrder,
)
from tuner.engine.reports import Done, Failed, Lost, Report
from tuner.engine.slots import Capacity
from tuner.records.decision import Decision
from tuner.records.errors import OrderUnreadable
from tuner.records.snapshot import ActiveStudy, OpenOrder, StudySnapshot
from tuner.storage.orders import open_order_ids, open_orders_of
from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.speeds.slot_speed import needs_slot_speed, slot_speed
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study, read_for_decision
from tuner.storage.trials.rows import trials_of
from tuner.storage.trials.written import Changes


@dataclass
class _Known:
    """One study as it is remembered."""

    read: StudySnapshot
    """The study as read; its trials are kept up to date."""
    version: int
    """Version of the study after the coordinator's own moves."""
    open_orders: dict[OrderId, OpenOrder]
    searches: Searches = field(default_factory=Searches)
    changed: set[int] = field(default_factory=set)
    """Numbers of the trials that must be read again."""
    study_changed: bool = False
    """True if the study's own record must be read again."""
    speed_changed: bool = False
    """True if the speed of its slots must be read again."""
    waits_on: Capacity | None = None
    """Capacity with which nothing is due and all orders that could start have been started."""


class Memory:
    """The studies as one coordinator has read them since it began to lead.

    Args:
        clock: monotonic seconds, by which slots are held.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Known] = {}
        self._due: set[str] = set()
        self._open: dict[OrderId, str] | None = None
        """Open orders of all studies; None if they must be read again."""
        self._open_as_of = 0
        """Value of `active.moves` when they were read."""
        self.turns = Turns(clock)
        """Account of the studies' use of slots."""
        self.active = ActiveStudies()
        """Active studies, with the parts of their specifications that are needed."""

    def open_order_ids(self, session: Session) -> dict[OrderId, str]:
        """Ids of the open orders of all studies, oldest first, each with that of its study.

        An order that is closed elsewhere comes with a change of its study, which `active` has seen.
        """
        if self._open is None or self._open_as_of != self.active.moves:
            self._open, self._open_as_of = open_order_ids(session), self.active.moves
        return dict(self._open)

    def keep(self, studies: Iterable[ActiveStudy]) -> None:
        """Forget every study that is none of these, or has another version by now."""
        versions = {study.id: study.version for study in studies}
        for study_id, known in list(self._known.items()):
            if versions.get(study_id) != known.version:
                self.forget(study_id)
        self._due &= versions.keys()

    def forget(self, study_id: str) -> None:
        """Read the whole study when it is asked for again."""
        self._known.pop(study_id, None)
        self._open = None

    def reissued(self, database: Database, study_id: str) -> None:
        """Read again what orders that were lost, or gave their slots up, have changed."""
        self._open = None
        known = self._known.get(study_id)
        if known is None:
            return
        known.waits_on = None
        try:
            with database.read() as session:
                orders = open_orders_of(session, study_id)
        except OrderUnreadable:  # said of the whole study, when it is read
            self.forget(study_id)
            return
        known.open_orders = {one.order.id: one for one in orders}

    def snapshot(self, database: Database, study_id: str, capacity: Capacity) -> StudySnapshot:
        """Give the study as it is stored, for a decision; its trials change with later calls.

        Raises:
            StudyNotFound: if there is none of that id.

        """
        known = self._known.get(study_id)
        if known is None or known.changed or known.study_changed or known.speed_changed:
            with database.read() as session:
                known = self._read(session, study_id)
        now = {"open_orders": tuple(known.open_orders.values()), "capacity": capacity}
        return known.read.model_copy(update=now)

    def _read(self, session: Session, study_id: str) -> _Known:
        """Read what may have changed of a study: all of it, if it is not remembered."""
        known = self._known.get(study_id)
        if known is not None and known.study_changed:
            study = get_study(session, study_id)
            known.read = known.read.model_copy(update={"study": study})
            known.study_changed = False
            if study.version != known.version:  # somebody else moved it too
                known = None
        if known is None:
            read = read_for_decision(session, study_id)
            orders = {one.order.id: one for one in read.open_orders}
            known = self._known[study_id] = _Known(read, read.study.version, orders)
        if known.changed:
            for trial in trials_of(session, study_id, known.changed):
                known.read.trials.put(trial)
            known.changed.clear()
        if known.speed_changed:
            speed = slot_speed(session, known.read.study)
            known.read = known.read.model_copy(update={"slot_speed": speed})
            known.speed_changed = False
        return known

    def searches(self, study_id: str) -> Searches:
        """Optuna's searches of a study, of which `snapshot` has been asked for."""
        return self._known[study_id].searches

    def started(self, order_ids: Iterable[OrderId]) -> dict[OrderId, AnyOrder]:
        """The orders of these ids that are open and whose studies are remembered."""
        found = {order_id: self._holding(order_id) for order_id in order_ids}
        return {id_: known.open_orders[id_].order for id_, known in found.items() if known}

    def decided(
        self,
        study_id: str,
        decision: Decision,
        written: Mapping[tuple[str, int], Changes],
    ) -> None:
        """Follow a decision that has been stored, and what that wrote of trials."""
        known = self._known[study_id]
        trials = known.read.trials
        if decision.move_to is not None:
            known.study_changed, known.version = True, known.version + 1
            if not trials:  # little to read, and the check's statistics among it
                self.forget(study_id)
        first = trials[-1].number + 1 if trials else 0
        known.changed |= set(range(first, first + len(decision.new_trials)))
        known.changed |= {ending.number for ending in decision.endings}
        known.changed |= {promotion.number for promotion in decision.promotions}
        for order in sorted(decision.orders, key=lambda order: order.id):
            known.open_orders[order.id] = OpenOrder(order=order, losses=0)
            if self._open is not None:
                self._open[order.id] = study_id
        self._take_over(written)

    def reported(
        self,
        database: Database,
        reports: Iterable[Report],
        written: Mapping[tuple[str, int], Changes],
    ) -> None:
        """Follow reports that have been stored or were ignored, and what they wrote of trials."""
        for study_id in {study_id for report in reports if (study_id := self._reported(report))}:
            self.reissued(database, study_id)
        self._take_over(written)

    def _take_over(self, written: Mapping[tuple[str, int], Changes]) -> None:
        for (study_id, number), changes in written.items():
            known = self._known.get(study_id)
            trial = None if known is None else known.read.trials.unfinished.get(number)
            if known is not None and trial is not None:
                known.read.trials.put(trial.model_copy(update=dict(changes)))

    def _reported(self, report: Report) -> str | None:
        """Follow one report; one of an old attempt was ignored.

        Returns:
            Id of the study if its open orders have to be read again.

        """
        known = self._holding(report.order_id)
        if known is None:
            self._open = None
            return None
        order = known.open_orders[report.order_id].order
        if order.attempt != report.attempt:
            return None
        self._due.add(order.study_id)
        if isinstance(report, Lost) and isinstance(order, TrainOrder):
            known.changed |= {trial.spec.number for trial in order.trials}
            return order.study_id
        if isinstance(order, DescribeOrder | CheckOrder) or isinstance(report, Failed | Lost):
            self.forget(order.study_id)
            return None
        known.waits_on = None
        # The packing that was found, or the dynamics.
        known.study_changed |= isinstance(order, ProbeOrder | DynamicsOrder)
        if isinstance(report, Done):
            del known.open_orders[order.id]
            if self._open is not None:
                self._open.pop(order.id, None)
            known.speed_changed |= needs_slot_speed(known.read.study)
        return None

    def is_due(self, study_id: str) -> bool:
        """True if a report has arrived about a study since everything due was last stored."""
        return study_id in self._due

    def note_decided(self, study_id: str) -> None:
        """Note that nothing is due about a study but orders."""
        self._due.discard(study_id)

    def waits(self, study_id: str, capacity: Capacity) -> bool:
        """True if a study has nothing to do until a report arrives or somebody changes it."""
        known = self._known.get(study_id)
        return known is not None and known.waits_on == capacity

    def note_waiting(self, study_id: str, capacity: Capacity) -> None:
        """Note that all orders that a study could start have started, and nothing else is due."""
        self._known[study_id].waits_on = capacity

    def _holding(self, order_id: OrderId) -> _Known | None:
        return next((one for one in self._known.values() if order_id in one.open_orders), None)
