"""A coordinator stores how its slots are, for everybody to read."""

from pathlib import Path

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.coordinator.test_leadership import Holder
from tuner.coordinator.reconcile import Leader
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.slots import Slot
from tuner.storage.heartbeats import workers
from tuner.storage.sql.database import Database

STANDS_STILL = "its worker has stood still for 3 s"


class Troubled(AnalyticEngine):
    """Its first slot takes no orders."""

    def slots(self) -> tuple[Slot, ...]:
        first, *others = super().slots()
        return (first.model_copy(update={"problem": STANDS_STILL}), *others)


def test_the_trouble_of_a_slot_is_stored_as_the_engine_tells_it(
    database: Database, tmp_path: Path
) -> None:
    engine = Troubled(slots=2)
    Leader(database, Holder(), engine, FileCheckpoints(tmp_path)).turn()
    first, second = (slot.name for slot in engine.slots())
    with database.read() as session:
        problems = {worker.name: worker.problem for worker in workers(session)}
    assert problems == {"tuner": None, first: STANDS_STILL, second: None}
