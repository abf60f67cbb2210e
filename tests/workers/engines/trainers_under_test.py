"""Trainers as the API serves them: threads that ask for trials, report, and may die in silence."""

import datetime as dt
import threading
from collections.abc import Iterator
from itertools import count

from sqlalchemy import update

from tuner.engine.orders import OrderId
from tuner.records.errors import TunerError
from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, lease_trials
from tuner.storage.leases.offers import asking_trainers, live_leases
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport
from tuner.storage.leases.reports import store_reports
from tuner.storage.sql.database import Database
from tuner.storage.sql.lease_tables import LeaseRow

TTL_SECONDS = 3_600
"""Leases do not run out by themselves: a trainer whose thread waits long for a core is not dead."""
PAUSE_SECONDS = 0.02
LONG = 1_000_000
"""A trial of more steps reports its first rung, and after that only that it is alive."""


class Trainers:
    """Two trainers of every study that is named: who dies is replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = count()
        self._killed: set[OrderId] = set()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def serve(self, study_id: str, trainers: int = 2) -> None:
        """Have so many trainers ask for the study's trials."""
        for _ in range(trainers):
            self._hire(study_id)

    def wait_until_asking(self) -> None:
        """Return once everyone has asked."""
        asking = 0
        while asking < len(self._threads):
            with self._database.read() as session:
                asking = len(asking_trainers(session, dt.datetime.now(dt.UTC)))

    def kill(self, order_id: OrderId) -> None:
        """Have the trainer of an order fall silent."""
        self._killed.add(order_id)

    def stop(self) -> None:
        """End them all."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _hire(self, study_id: str) -> None:
        worker = f"trainer-{next(self._numbers)}"
        thread = threading.Thread(target=self._work, args=(study_id, worker))
        self._threads.append(thread)
        thread.start()

    def _work(self, study_id: str, worker: str) -> None:
        asked = AskedForTrial(study_id=study_id, worker=worker, ttl_seconds=TTL_SECONDS)
        while not self._over.wait(PAUSE_SECONDS):
            with self._database.write() as session:
                (lease,) = lease_trials(session, [asked], dt.datetime.now(dt.UTC))
            if isinstance(lease, LeasedTrial) and not self._train(lease):
                self._hire(study_id)
                return

    def _train(self, lease: LeasedTrial) -> bool:
        """Report until told to stop; False if killed."""
        with self._database.read() as session:
            (held,) = [at for at in live_leases(session) if at.order_id == lease.order_id]
        for step in self._steps(held.rungs, lease.reported_step):
            if self._over.wait(PAUSE_SECONDS):
                return True
            if OrderId(lease.order_id) in self._killed:
                self._killed.remove(OrderId(lease.order_id))
                self._let_expire(lease)
                return False
            losses = (1.0,) * max(0, step - lease.reported_step)
            answer = self._report(lease, step, losses[-10:])
            if not isinstance(answer, ReportAnswer) or answer.answer == "stop":
                return True
        return True

    def _let_expire(self, lease: LeasedTrial) -> None:
        """Make it the time at which the lease of a trainer that is silent ends."""
        of_lease = update(LeaseRow).where(LeaseRow.order_id == lease.order_id)
        with self._database.write() as session:
            session.execute(of_lease.values(expires_at=dt.datetime.now(dt.UTC)))

    def _steps(self, rungs: tuple[int, ...], start: int) -> Iterator[int]:
        for rung in rungs:
            if rung < LONG:
                yield max(start, rung)
        while rungs[-1] >= LONG:
            yield max(start, rungs[0])

    def _report(
        self, lease: LeasedTrial, step: int, losses: tuple[float, ...]
    ) -> ReportAnswer | TunerError:
        report = TrainerReport(
            order_id=lease.order_id, attempt=lease.attempt, step=step, train_loss=losses
        )
        with self._database.write() as session:
            (answer,) = store_reports(session, [report], dt.datetime.now(dt.UTC))
        return answer
