"""The engine of trainers that lease trials over HTTP: each trainer is a slot.

Leases and reports are rows that the API writes. Nothing here has to survive the process: it
remembers only what it has reported since the coordinator last stored reports, and a report that is
made twice changes nothing the second time.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from tuner.coordinator.external_reports import reports_about
from tuner.coordinator.external_slots import external_slots
from tuner.engine.orders import AnyOrder, OrderId, TrainOrder
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from tuner.storage.leases.offers import (
    LiveLease,
    Losses,
    asking_trainers,
    cancel_lease,
    close_leases,
    expire,
    forget_ended,
    is_offered,
    live_leases,
    losses_of_leases,
    offer,
)
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.database import Database
from tuner.storage.trials.rows import trials_of

Attempt = tuple[OrderId, int]
Report = Reached | Done | Failed | Lost

POLL_SECONDS: Final = 0.05
SWEEP_SECONDS: Final = 60.0


def attempt_of(lease: LiveLease) -> Attempt:
    """The attempt that a lease is of."""
    return lease.order_id, lease.attempt


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class ExternalEngine:
    """Orders of studies whose trials are trained by programs of the user's own.

    Args:
        database: of the coordinator that leads.
        ahead: offer a further order for each trainer that trains, so that it need not wait for
            one. Any trainer may take it.
        gather_seconds: least time between two batches of reports: where hundreds train, a turn of
            the coordinator for each rung would keep it busy all the time.
        clock: the time that leases expire by.

    """

    def __init__(
        self,
        database: Database,
        *,
        ahead: bool = False,
        gather_seconds: float = 0.0,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self._database = database
        self._ahead = ahead
        self._gather_seconds = gather_seconds
        self._clock = clock
        self._free: Counter[str] = Counter()
        """Free slots by study, as of the last call of `slots`."""
        self._live: set[Attempt] = set()
        """Attempts that are on offer or taken, as of the last call of `slots`."""
        self._starting: dict[Attempt, TrainOrder] = {}
        self._told_rung: dict[Attempt, int] = {}
        self._told_end: set[Attempt] = set()
        self._is_closed = False
        self._next_news = time.monotonic()
        self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def slots(self) -> tuple[Slot, ...]:
        """A slot for each trainer that asks or trains, and for each order without a trainer."""
        if self._is_closed:
            return ()
        self._store_offers()
        with self._database.read() as session:
            leases, asking = live_leases(session), asking_trainers(session, self._clock())
        untold = [one for one in leases if attempt_of(one) not in self._told_end]
        self._live = {attempt_of(one) for one in leases}
        slots = tuple(external_slots(untold, asking, ahead=self._ahead))
        self._free = Counter(
            slot.study_id for slot in slots if slot.busy_with is None and slot.study_id
        )
        return slots

    def start(self, order: AnyOrder) -> None:
        """Offer an order to the trainers of its study; it is stored with the next call.

        Raises:
            NoFreeSlot: if none of them is free.
            ValueError: if no trainer can carry out such an order.

        """
        if not isinstance(order, TrainOrder) or len(order.trials) != 1:
            raise ValueError(f"no trainer takes the {order.kind} order {order.id}")
        attempt = (order.id, order.attempt)
        if attempt in self._starting or attempt in self._live:
            return
        if not self._free[order.study_id]:
            with self._database.read() as session:
                if is_offered(session, order):
                    return
            self.slots()
        if not self._free[order.study_id]:
            raise NoFreeSlot(order.id, "no trainer asks for one")
        self._free[order.study_id] -= 1
        self._starting[attempt] = order

    def cancel(self, order_id: OrderId) -> None:
        """Take an order back; its trainer is told when it next reports."""
        self._starting = {at: one for at, one in self._starting.items() if one.id != order_id}
        with self._database.write() as session:
            cancel_lease(session, order_id)

    def wait(self, timeout_seconds: float) -> list[Report]:
        """Reports since the last call; by now the caller has stored those of the last call."""
        if self._is_closed:
            return []
        self._store_offers()
        self._close_told()
        deadline = time.monotonic() + timeout_seconds
        while True:
            reports = self._news() if time.monotonic() >= self._next_news else []
            left = deadline - time.monotonic()
            if reports:
                self._next_news = time.monotonic() + self._gather_seconds
            if reports or left <= 0:
                return reports
            time.sleep(min(POLL_SECONDS, left))

    def close(self) -> None:
        """Stop looking after leases; they stay as they are for the next engine."""
        self._is_closed = True

    def _store_offers(self) -> None:
        if self._starting:
            with self._database.write() as session:
                offer(session, self._starting.values(), self._clock())
            self._starting.clear()

    def _close_told(self) -> None:
        is_due = time.monotonic() >= self._next_sweep
        if self._told_end or is_due:
            with self._database.write() as session:
                close_leases(session, self._told_end)
                if is_due:
                    forget_ended(session, self._clock())
            self._told_end.clear()
        if is_due:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def _news(self) -> list[Report]:
        now = self._clock()
        with self._database.read() as session:
            leases = live_leases(session)
            untold = [lease for lease in leases if attempt_of(lease) not in self._told_end]
            expired = [lease for lease in untold if lease.has_expired(now)]
            news = [one for one in untold if not one.has_expired(now) and self._is_news(one)]
            losses = losses_of_leases(session, news)
            trained = {
                lease.order_id: trials_of(session, lease.study_id, [lease.number])[0].step
                for lease in news
                if lease.diverged
            }
        live = {attempt_of(lease) for lease in leases}
        self._told_rung = {at: rung for at, rung in self._told_rung.items() if at in live}
        reports: list[Report] = [lost for lease in expired for lost in self._lost(lease, now)]
        for lease in news:
            known = losses[lease.study_id, lease.number]
            reports += self._told(lease, known, trained.get(lease.order_id, 0))
        return reports

    def _is_news(self, lease: LiveLease) -> bool:
        return lease.state is LeaseState.FINISHED or bool(self._untold_rungs(lease))

    def _untold_rungs(self, lease: LiveLease) -> list[int]:
        told = self._told_rung.get(attempt_of(lease), 0)
        return [rung for rung in lease.rungs if told < rung <= lease.step]

    def _told(
        self, lease: LiveLease, losses: Losses, trained: int
    ) -> list[Reached | Done | Failed]:
        """Reports about a lease that have not been made before."""
        attempt, rungs = attempt_of(lease), self._untold_rungs(lease)
        told = self._told_rung.get(attempt, 0)
        reports = list(reports_about(lease, losses, told, trained=trained))
        self._told_rung[attempt] = max([told, *rungs])
        if any(isinstance(report, Done | Failed) for report in reports):
            self._told_end.add(attempt)
        return reports

    def _lost(self, lease: LiveLease, now: dt.datetime) -> Iterator[Lost]:
        with self._database.write() as session:
            if not expire(session, lease, now):
                return
        yield Lost(
            order_id=lease.order_id,
            attempt=lease.attempt,
            message=f"trainer {lease.worker} did not report for {lease.ttl_seconds} s",
        )
