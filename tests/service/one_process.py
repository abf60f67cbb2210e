"""A whole study, decided, stored and trained for real, in this process alone."""

from collections import deque
from pathlib import Path

from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot
from workers.slot.orders import OpenCohort, carry_out


class EngineWithoutProcesses:
    """One slot, whose orders are carried out when their reports are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cohort = OpenCohort()
        self._waiting: deque[AnyOrder] = deque()

    def slots(self) -> tuple[Slot, ...]:
        busy = self._waiting[0].id if self._waiting else None
        return (Slot(name="cpu-0", device="cpu", device_kind="cpu", busy_with=busy),)

    def start(self, order: AnyOrder) -> None:
        if all((held.id, held.attempt) != (order.id, order.attempt) for held in self._waiting):
            self._waiting.append(order)

    def cancel(self, order_id: OrderId) -> None:
        self._waiting = deque(held for held in self._waiting if held.id != order_id)

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        if not self._waiting:
            return []
        return list(carry_out(self._waiting.popleft(), self._cohort, self._folder))

    def close(self) -> None:
        self._waiting.clear()


def completed(spec: StudySpec, folder: Path) -> StudySnapshot:
    """The study once it is completed; its database and checkpoints are in the folder."""
    url = f"sqlite:///{folder / 'study.db'}"
    migrate(url)
    database, engine = open_database(url), EngineWithoutProcesses(folder / "checkpoints")
    checkpoints, memory = FileCheckpoints(folder / "checkpoints"), Memory()
    with database.write() as session:
        study_id = open_study(session, spec)[0].id
    for _ in range(3_000):
        tick(database, engine, wait_seconds=0, memory=memory, checkpoints=checkpoints)
        with database.read() as session:
            study = get_study(session, study_id)
        if study.state in FINAL_STUDY_STATES:
            break
    assert study.state is StudyState.COMPLETED, study.reason
    with database.read() as session:
        return read_snapshot(session, study_id)
