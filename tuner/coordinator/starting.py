"""Store what is due about the active studies, and have the slots run the orders whose turn it is.

An open order that no slot runs is started like a new one: it was lost, or it gave its slot up, and
goes on from what its trials have stored.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from tuner.coordinator.memory import Memory
from tuner.decisions.allocation import allocate, free_slots
from tuner.decisions.plan import next_decision, wanted_orders
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.protocol import Engine, NoFreeSlot
from tuner.engine.slots import Capacity, Slot, capacity_of
from tuner.engine.tracing import STUDY, about, span
from tuner.records.decision import Decision
from tuner.records.errors import (
    LeadershipLost,
    OrderUnreadable,
    StorageUnavailable,
    StudyMoved,
    StudyUnreadable,
)
from tuner.records.snapshot import ActiveStudy, StudySnapshot
from tuner.spec.states import StudyState
from tuner.storage.commits import commit_decision, preempt_orders
from tuner.storage.orders import fail_unreadable_orders, read_order
from tuner.storage.sql.database import Database
from tuner.storage.studies import move_study, park_study
from tuner.storage.trials.written import written_trials

log = structlog.get_logger()


class Starting:
    """The orders that one turn of the coordinator starts.

    Args:
        stored: ids of the open orders, oldest first, each with that of its study.
        studies: those that are active.
        most_per_share: orders of one share that may run at once.

    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        memory: Memory,
        stored: Mapping[OrderId, str],
        studies: tuple[ActiveStudy, ...],
        most_per_share: int | None,
    ) -> None:
        self._database, self._engine, self._memory = database, engine, memory
        self._stored = stored
        self._studies = {study.id: study for study in studies}
        self._most_per_share = most_per_share
        self._snapshots: dict[str, StudySnapshot] = {}
        self._told_all: set[str] = set()
        """Ids of studies whose orders have all been asked for."""

    def turn(self) -> None:
        """Make the slots run open orders and nothing else, as many as there is room for."""
        slots = self._engine.slots()
        closed = {slot.busy_with for slot in slots if slot.busy_with} - self._stored.keys()
        for order_id in closed:
            self._engine.cancel(order_id)
        slots = self._engine.slots() if closed else slots
        capacity = capacity_of(slots)
        for study_id, study in self._studies.items():
            # What else is due follows a report; a trainer may leave with its last one.
            is_due = self._memory.is_due(study_id) or study.is_external
            if is_due and not self._memory.waits(study_id, capacity):
                with self._defects_fail(study_id):
                    self._decided(study_id, capacity)
        self._run(slots, capacity)

    def _run(self, slots: tuple[Slot, ...], capacity: Capacity) -> None:
        """Start the orders whose turn it is, in free slots and in those that others give up."""
        turns, studies = self._memory.turns, self._studies
        running = {slot.busy_with for slot in slots}
        idle = {id_: of for id_, of in self._stored.items() if id_ not in running and of in studies}
        asking = {id_ for id_ in studies if not self._memory.waits(id_, capacity)} | {
            *idle.values()
        }
        shared = self._in_shared_slots(slots)
        giving_way = turns.giving_way(shared, [studies[id_] for id_ in asking])
        staying = {id_: study for id_, study in shared.items() if id_ not in giving_way}
        stored: dict[str, list[OrderId]] = {}
        for order_id in (*giving_way, *idle):  # what runs goes on before others start
            stored.setdefault(self._stored[order_id], []).append(order_id)
        there = _freed(slots, giving_way.keys())
        wanting = asking | {*stored} if free_slots(there) else set()
        chosen = allocate(
            {id_: self._wanted(id_, stored.get(id_, ()), capacity) for id_ in wanting},
            there,
            studies.values(),
            turns.use(studies.values(), staying.values()),
            self._most_per_share,
        )
        self._preempt(giving_way.keys() - {order.id for order in chosen})
        for study_id in {order.study_id for order in chosen} | self._told_all:
            with self._defects_fail(study_id):
                self._store_and_start(
                    study_id,
                    [o for o in chosen if o.study_id == study_id and o.id not in giving_way],
                )
                if study_id in self._told_all:
                    self._memory.note_waiting(study_id, capacity)
        begun = {order.id: studies[order.study_id] for order in chosen}
        turns.hold(staying | {id_: study for id_, study in begun.items() if not study.is_external})

    def _in_shared_slots(self, slots: Iterable[Slot]) -> dict[OrderId, ActiveStudy]:
        """Orders that run in shared slots, each with its study."""
        busy = [slot.busy_with for slot in slots if slot.busy_with and slot.study_id is None]
        return {
            order_id: self._studies[self._stored[order_id]]
            for order_id in busy
            if self._stored[order_id] in self._studies
        }

    def _wanted(
        self, study_id: str, stored: Iterable[OrderId], capacity: Capacity
    ) -> Iterator[AnyOrder]:
        """Orders that the study could start, made as they are asked for, those stored first."""
        with self._defects_fail(study_id):
            for order_id in stored:
                with self._database.read() as session:
                    order = read_order(session, order_id)
                yield order
            yield from wanted_orders(self._decided(study_id, capacity))
            self._told_all.add(study_id)

    def _decided(self, study_id: str, capacity: Capacity) -> StudySnapshot:
        """Store everything due about a study except orders; return the study after that."""
        while study_id not in self._snapshots:
            snapshot = self._memory.snapshot(self._database, study_id, capacity)
            decision = next_decision(snapshot, self._memory.searches(study_id))
            if decision.is_empty:
                self._memory.note_decided(study_id)
                self._snapshots[study_id] = snapshot
            else:
                self._store_decision(snapshot, decision)
        return self._snapshots[study_id]

    def _store_and_start(self, study_id: str, orders: Iterable[AnyOrder]) -> None:
        if listed := tuple(orders):
            with span("start orders", {STUDY: study_id}):
                self._start(study_id, listed)

    def _start(self, study_id: str, listed: Sequence[AnyOrder]) -> None:
        new = tuple(order for order in listed if order.id not in self._stored)
        if new:
            self._store_decision(self._snapshots[study_id], Decision(orders=new))
        for order in listed:
            try:
                with span(f"start {order.kind} order", about(order)):
                    self._engine.start(order)
            except NoFreeSlot as error:  # a slot has gone since; the order is stored and waits
                log.info("order waits", study=study_id, problem=str(error))

    def _store_decision(self, snapshot: StudySnapshot, decision: Decision) -> None:
        with (
            span("store decision", {STUDY: snapshot.study.id}),
            self._database.write() as session,
        ):
            commit_decision(session, snapshot.study, decision)
        self._memory.decided(snapshot.study.id, decision, written_trials(session))

    def _preempt(self, order_ids: Collection[OrderId]) -> None:
        """Take slots from orders; their trials go on later, from what they have stored."""
        if not order_ids:
            return
        with self._database.write() as session:
            preempt_orders(session, order_ids)
        for order_id in order_ids:
            self._engine.cancel(order_id)
        for study_id in {self._stored[order_id] for order_id in order_ids}:
            self._memory.reissued(self._database, study_id)
        self._memory.turns.note_preempted(order_ids)

    @contextmanager
    def _defects_fail(self, study_id: str) -> Iterator[None]:
        """Fail the study whose decision raises, so that its defect does not stop the others."""
        try:
            yield
        except StudyMoved:  # somebody paused or cancelled it meanwhile; the next turn sees that
            self._memory.forget(study_id)
        except (StudyUnreadable, OrderUnreadable) as error:
            self._memory.forget(study_id)
            self._set_aside(error)
        except (StorageUnavailable, LeadershipLost, OSError):
            raise
        except Exception:
            log.exception("decision failed", study=study_id)
            self._memory.forget(study_id)
            with self._database.write() as session:
                move_study(
                    session,
                    study_id,
                    StudyState.FAILED,
                    reason="internal error while deciding what to run next; the coordinator's log"
                    " has the details",
                )

    def _set_aside(self, error: StudyUnreadable | OrderUnreadable) -> None:
        """Fail orders and pause studies that cannot be read, so that the others go on."""
        log.error("unreadable", problem=str(error))
        with self._database.write() as session:
            if isinstance(error, OrderUnreadable):
                fail_unreadable_orders(session, error.study_id)
            else:
                park_study(session, error.study_id, error.reason)


def _freed(slots: Iterable[Slot], order_ids: Collection[OrderId]) -> tuple[Slot, ...]:
    """The slots as they are once these orders have left them."""
    return tuple(
        slot.model_copy(update={"busy_with": None}) if slot.busy_with in order_ids else slot
        for slot in slots
    )
