"""Engines that the contract suite is run against, each with what the suite has to do to it."""

import datetime as dt
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.own_trainer import external_spec
from tests.workers.engines.trainers_under_test import Trainers
from tests.workers.engines.worker_processes import worker_pids
from tuner.coordinator.external_engine import ExternalEngine
from tuner.engine.orders import AnyOrder, OrderId, TrainOrder
from tuner.engine.protocol import Engine
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from tuner.spec.states import OrderState, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.commits import record_reports
from tuner.storage.orders import insert_orders
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.sql.tables import OrderRow, TrialRow
from tuner.storage.studies import move_study, open_study
from workers.engines.local import LocalEngine


@dataclass(frozen=True)
class EngineUnderTest:
    """An engine with two slots.

    Attributes:
        engine: open and idle.
        kill: end the process that runs an order, as the machine would that runs out of memory.
        processes: ids of the engine's processes on this machine.

    """

    engine: Engine
    kill: Callable[[OrderId], None]
    processes: Callable[[], list[int]]


Opened: TypeAlias = Callable[[Path], AbstractContextManager[EngineUnderTest]]


@contextmanager
def local(folder: Path) -> Iterator[EngineUnderTest]:
    """Two worker processes of this machine."""
    engine = LocalEngine(2, folder)

    def kill(order_id: OrderId) -> None:
        (name,) = [slot.name for slot in engine.slots() if slot.busy_with == order_id]
        os.kill(worker_pids(folder)[name], signal.SIGKILL)

    yield EngineUnderTest(engine, kill, lambda: list(worker_pids(folder).values()))
    engine.close()


@contextmanager
def analytic(_: Path) -> Iterator[EngineUnderTest]:
    """The engine of the tuner's tests: were it easier than real ones, they would prove little."""
    engine = AnalyticEngine(slots=2)
    yield EngineUnderTest(engine, engine.kill, list)
    engine.close()


class Committing:
    """What the coordinator does around an external engine: it commits orders, and stores reports.

    Orders of any study become those of one study, each with a trial of its own.
    """

    def __init__(self, database: Database, study_id: str) -> None:
        self._engine = ExternalEngine(database)
        self._database = database
        self._study_id = study_id
        self._numbers: dict[OrderId, int] = {}

    def slots(self) -> tuple[Slot, ...]:
        return self._engine.slots()

    def start(self, order: AnyOrder) -> None:
        assert isinstance(order, TrainOrder)
        number = self._numbers.setdefault(order.id, len(self._numbers))
        (trial,) = order.trials
        spec = trial.spec.model_copy(update={"number": number})
        own = {
            "study_id": self._study_id,
            "trials": (trial.model_copy(update={"spec": spec}),),
        }
        committed = order.model_copy(update=own)
        with self._database.write() as session:
            row = session.get(OrderRow, order.id)
            if row is None:
                session.add(_trial_row(committed))
                session.flush()
                insert_orders(session, [committed])
            elif row.attempt < order.attempt:
                row.attempt, row.state = order.attempt, OrderState.OPEN
        self._engine.start(committed)

    def cancel(self, order_id: OrderId) -> None:
        with self._database.write() as session:
            row = session.get(OrderRow, order_id)
            if row is not None:
                row.state = OrderState.CANCELLED
        self._engine.cancel(order_id)

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        reports = self._engine.wait(timeout_seconds)
        with self._database.write() as session:
            record_reports(session, reports, {})
        return reports

    def close(self) -> None:
        self._engine.close()


def _trial_row(order: TrainOrder) -> TrialRow:
    (spec,) = (trial.spec for trial in order.trials)
    return TrialRow(
        study_id=order.study_id,
        number=spec.number,
        state=TrialState.RUNNING,
        purpose="search",
        optimizer=spec.optimizer,
        parametrization=spec.model.parametrization,
        width=spec.model.width,
        seed=spec.seed,
        batch=0,
        hyperparameters=spec.hyperparameters,
        params={},
        intermediate_values={},
        system_attrs={},
        step=0,
        created_at=dt.datetime.now(dt.UTC),
    )


@contextmanager
def external(folder: Path) -> Iterator[EngineUnderTest]:
    """Two trainers that lease trials, each in a thread."""
    url = f"sqlite:///{folder / 'widthwise.db'}"
    migrate(url)
    with closing(open_database(url)) as database:
        with database.write() as session:
            study, _ = open_study(session, StudySpec.model_validate(external_spec()))
            for state in (StudyState.CHECKING, StudyState.SEARCHING):
                move_study(session, study.id, state)
        engine, trainers = Committing(database, study.id), Trainers(database)
        trainers.serve(study.id)
        trainers.wait_until_asking()
        try:
            yield EngineUnderTest(engine, trainers.kill, list)
        finally:
            engine.close()
            trainers.stop()
