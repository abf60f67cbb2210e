"""The engine of trainers that lease trials over HTTP: its slots are those who ask or train.

Leases and reports are rows that the API writes. Nothing here has to survive the process: what
is remembered is what has been told since the coordinator last stored it, and an order that is told
twice changes nothing the second time.
"""

import datetime as dt
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tuner.engine.orders import AnyOrder, OrderId, TrainOrder
from tuner.engine.reports import Done, Failed, Lost, Reached, TrialProgress
from tuner.engine.series import Series
from tuner.engine.slots import Slot
from tuner.spec.states import StateReason
from tuner.storage.leases.offers import (
    AskingTrainer,
    LiveLease,
    Losses,
    asking_trainers,
    cancel_lease,
    close_leases,
    expire,
    forget_ended,
    is_offered,
    live_leases,
    losses_of,
    offer,
)
from tuner.storage.leases.states import LeaseState
from tuner.storage.sql.database import Database
from tuner.storage.trials.rows import trials_of

Attempt = tuple[OrderId, int]
Report = Reached | Done | Failed | Lost

POLL_SECONDS: Final = 0.05
SWEEP_SECONDS: Final = 60.0


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class ExternalEngine:
    """Orders of studies whose trials are trained by programs of the user's own.

    Args:
        database: of the coordinator that leads.
        clock: the time that leases expire by.

    """

    def __init__(self, database: Database, clock: Callable[[], dt.datetime] = _now) -> None:
        self._database = database
        self._clock = clock
        self._free: Counter[str] = Counter()
        """Free slots by study, as `slots` last saw them."""
        self._starting: dict[Attempt, TrainOrder] = {}
        self._told_rung: dict[Attempt, int] = {}
        self._told_end: set[Attempt] = set()
        self._is_closed = False
        self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def slots(self) -> tuple[Slot, ...]:
        """One for each trainer that asks or trains, and for each order that waits for one."""
        if self._is_closed:
            return ()
        self._store_offers()
        with self._database.read() as session:
            leases, asking = live_leases(session), asking_trainers(session, self._clock())
        untold = [one for one in leases if (one.order_id, one.attempt) not in self._told_end]
        slots = tuple(_slots(untold, asking))
        self._free = Counter(
            slot.study_id for slot in slots if slot.busy_with is None and slot.study_id
        )
        return slots

    def start(self, order: AnyOrder) -> None:
        """Offer an order to the trainers of its study; it is stored with the next call.

        Raises:
            RuntimeError: if none of them is free, or no trainer can carry out such an order.

        """
        if not isinstance(order, TrainOrder) or len(order.trials) != 1:
            raise RuntimeError(f"no trainer takes the {order.kind} order {order.id}")
        with self._database.read() as session:
            if (order.id, order.attempt) in self._starting or is_offered(session, order):
                return
        if not self._free[order.study_id]:
            self.slots()
        if not self._free[order.study_id]:
            raise RuntimeError(f"no slot is free for order {order.id}: no trainer asks for one")
        self._free[order.study_id] -= 1
        self._starting[order.id, order.attempt] = order

    def cancel(self, order_id: OrderId) -> None:
        """Take an order back; its trainer hears of it when it reports."""
        self._starting = {at: one for at, one in self._starting.items() if one.id != order_id}
        with self._database.write() as session:
            cancel_lease(session, order_id)

    def wait(self, timeout_seconds: float) -> list[Report]:
        """Reports since the last call; what was reported then is stored by now."""
        if self._is_closed:
            return []
        self._store_offers()
        self._close_told()
        deadline = time.monotonic() + timeout_seconds
        while True:
            reports = self._news()
            left = deadline - time.monotonic()
            if reports or left <= 0:
                return reports
            time.sleep(min(POLL_SECONDS, left))

    def close(self) -> None:
        """Look after no lease any more; they stay as they are for the next engine."""
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
        with self._database.read() as session:
            leases = live_leases(session)
        live = {(one.order_id, one.attempt) for one in leases}
        self._told_rung = {at: rung for at, rung in self._told_rung.items() if at in live}
        now = self._clock()
        return [report for lease in leases for report in self._reports_of(lease, now)]

    def _reports_of(self, lease: LiveLease, now: dt.datetime) -> Iterator[Report]:
        attempt = (lease.order_id, lease.attempt)
        if attempt in self._told_end:
            return
        if lease.has_expired(now):
            yield from self._lost(lease, now)
            return
        told = self._told_rung.get(attempt, 0)
        rungs = [rung for rung in lease.rungs if told < rung <= lease.step]
        if lease.state is not LeaseState.FINISHED and not rungs:
            return
        with self._database.read() as session:
            losses = losses_of(session, lease.study_id, lease.number)
            (trial,) = trials_of(session, lease.study_id, [lease.number])
        reports = list(reports_about(lease, losses, told, trained=trial.step))
        self._told_rung[attempt] = max([told, *rungs])
        if any(isinstance(report, Done | Failed) for report in reports):
            self._told_end.add(attempt)
        yield from reports

    def _lost(self, lease: LiveLease, now: dt.datetime) -> Iterator[Lost]:
        with self._database.write() as session:
            if not expire(session, lease, now):
                return
        yield Lost(
            order_id=lease.order_id,
            attempt=lease.attempt,
            message=f"trainer {lease.worker} did not report for {lease.ttl_seconds} s",
        )


def _slots(leases: Iterable[LiveLease], asking: Iterable[AskingTrainer]) -> Iterator[Slot]:
    """Trainers with a trial; then those who ask, with an offered order each; then other offers."""
    held = [lease for lease in leases if lease.state is not LeaseState.OFFERED]
    for lease in held:
        yield _slot(lease.study_id, str(lease.worker), lease.order_id)
    busy = {(lease.study_id, lease.worker) for lease in held}
    offered: dict[str, list[OrderId]] = {}
    for lease in leases:
        if lease.state is LeaseState.OFFERED:
            offered.setdefault(lease.study_id, []).append(lease.order_id)
    for trainer in asking:
        if trainer not in busy:
            waiting = offered.get(trainer.study_id)
            yield _slot(*trainer, waiting.pop(0) if waiting else None)
    for study_id, orders in offered.items():
        for order_id in orders:
            yield _slot(study_id, f"whoever asks for {order_id}", order_id)


def _slot(study_id: str, worker: str, order_id: OrderId | None) -> Slot:
    return Slot(
        name=f"{worker} ({study_id})",
        device="external",
        device_kind="external",
        study_id=study_id,
        busy_with=order_id,
    )


def reports_about(
    lease: LiveLease, losses: Losses, told: int, *, trained: int
) -> Iterator[Reached | Done | Failed]:
    """What there is to tell of a trial: its rungs beyond the one told last, and its end.

    Args:
        trained: updates that are stored of the trial.

    """
    ids = {"order_id": lease.order_id, "attempt": lease.attempt}
    for rung in lease.rungs:
        if not told < rung <= lease.step or (lease.diverged and rung == lease.step):
            continue
        at_rung = _at_rung(lease, losses, told, rung)
        if at_rung.loss is None or not 0 < at_rung.loss < math.inf:
            yield Failed(**ids, reason=StateReason.ERROR, message=_no_loss(lease, rung))
            return
        kind = Done if rung == lease.rungs[-1] else Reached
        yield kind(**ids, trials=(at_rung,))
        told = rung
    if lease.failure is not None:
        words = lease.failure.strip() or "the trainer gave the trial up without a reason"
        yield Failed(**ids, reason=StateReason.ERROR, message=words)
    elif lease.diverged:
        # Beyond what is stored: a trial that is trained again may diverge earlier.
        over = _progress(lease, losses, told, lease.step).model_copy(
            update={"step": max(lease.step, trained + 1), "diverged": True}
        )
        yield Done(**ids, trials=(over,))


def _at_rung(lease: LiveLease, losses: Losses, told: int, rung: int) -> TrialProgress:
    known = _progress(lease, losses, told, rung)
    validated = [loss for step, loss in losses.validation if step <= rung]
    value = validated[-1] if validated else None
    if not lease.needs_validation:
        second_half = losses.train[rung // 2 : rung].tolist() if len(losses.train) >= rung else []
        mean = math.fsum(second_half) / len(second_half) if second_half else None
        return known.model_copy(update={"loss": mean, "validation_loss": value})
    return known.model_copy(update={"loss": value, "validation_loss": value})


def _progress(lease: LiveLease, losses: Losses, told: int, step: int) -> TrialProgress:
    """Curves between two steps."""
    train = losses.train[told:step].tolist()
    curves = [Series.of("train_loss", told + 1, train)] if train else []
    curves += [
        Series.of("validation_loss", at, [loss])
        for at, loss in losses.validation
        if told < at <= step
    ]
    return TrialProgress(
        number=lease.number,
        step=step,
        loss=None,
        validation_loss=None,
        checkpoint=None,
        curves=tuple(curves),
    )


def _no_loss(lease: LiveLease, rung: int) -> str:
    what = "validation loss" if lease.needs_validation else "mean training loss"
    return (
        f"the {what} at step {rung} is not a positive number, and trials are compared by its"
        " logarithm: report a loss that is bounded by 0, such as cross-entropy"
    )
