"""Orders give their slots up at rungs, and what they train is what it would have been."""

import itertools
from pathlib import Path

import pytest

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.coordinator.test_memory import assert_remembered_as_stored
from tests.tuner.decisions.test_plan import essence, run_to_end, snapshot_of, spec, submit
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import OrderId, TrainOrder
from tuner.engine.reports import Report
from tuner.engine.slots import capacity_of
from tuner.spec.states import StudyState
from tuner.storage.events import EventKind, events_after
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study


class RungByRung(AnalyticEngine):
    """Reports one rung a call; between two of them an order can be stopped."""

    def __init__(self) -> None:
        super().__init__(slots=1)
        self._untold: list[Report] = []

    def wait(self, timeout_seconds: float) -> list[Report]:
        if not self._untold:
            busy = [order for order in self._running.values() if order]
            self._untold = super().wait(timeout_seconds)
            self._running.update({"cpu-0": busy[0]} if len(self._untold) > 1 else {})
        told, self._untold = self._untold[:1], self._untold[1:]
        if not self._untold:
            self._running["cpu-0"] = None
        return told

    def cancel(self, order_id: OrderId) -> None:
        super().cancel(order_id)
        self._untold = []


@pytest.fixture
def database(tmp_path: Path) -> Database:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    migrate(url)
    return open_database(url)


def test_a_study_of_higher_priority_takes_slots_at_rungs_and_changes_nothing_of_the_other(
    database: Database,
) -> None:
    few = {
        "search": {"trials": 3, "batch_size": 3, "pruner": "median"},
        "measure": {"grid_points": 5, "widths": [32, 64, 128]},
        "control": "none",
    }
    alone = submit(database, spec(**few))
    run_to_end(database, alone, AnalyticEngine(slots=1))

    engine, memory = RungByRung(), Memory()
    low = submit(database, spec(**few))
    while snapshot_of(database, low).study.state is not StudyState.MEASURING:
        tick(database, engine, 0, memory=memory)
    started = len(engine.started)
    while len(engine.started) == started:  # a trial of several rungs begins
        tick(database, engine, 0, memory=memory)
    high = submit(database, spec(**few, priority=1))
    while snapshot_of(database, high).study.state is not StudyState.COMPLETED:
        tick(database, engine, 0, memory=memory)
        assert_remembered_as_stored(database, memory, low, capacity_of(engine.slots()))
    between = [order.study_id for order in engine.started[started + 1 :]]
    assert between == [high] * (len(between) - 1) + [low], "it had the slot until its last trial"
    while snapshot_of(database, low).study.state is not StudyState.COMPLETED:
        tick(database, engine, 0, memory=memory)
    assert essence(snapshot_of(database, low)) == essence(snapshot_of(database, alone))
    assert essence(snapshot_of(database, high)) == essence(snapshot_of(database, alone))
    with database.read() as session:
        events = events_after(session, low, 0, 10_000)
    (gave_way,) = [one.data for one in events if one.kind == EventKind.ORDER_PREEMPTED]
    again = next(o for o in engine.started if o.id == gave_way["order_id"] and o.attempt == 2)
    assert isinstance(again, TrainOrder)
    assert again.trials[0].start is not None, "it goes on from the rung"


def state_of(database: Database, study_id: str) -> StudyState:
    with database.read() as session:
        return get_study(session, study_id).state


def test_a_tiny_study_behind_a_large_one_gets_every_other_turn(database: Database) -> None:
    """One slot, a rung a second: bounded in orders, however long the large one goes on."""
    now = itertools.count()
    engine, memory = RungByRung(), Memory(lambda: float(next(now)))
    measure = {"grid_points": 5, "widths": [32, 64, 128]}
    search = {"trials": 200, "batch_size": 8, "pruner": "none"}
    large = submit(database, spec(search=search, measure=measure, control="none"))
    while len(engine.started) < 12:
        tick(database, engine, 0, memory=memory)
    tiny = submit(
        database,
        spec(
            search={"trials": 2, "batch_size": 2, "pruner": "none"}, measure=measure, control="none"
        ),
    )
    while state_of(database, tiny) is not StudyState.COMPLETED:
        tick(database, engine, 0, memory=memory)
    between = [order.study_id for order in engine.started[12:]]
    assert between.count(large) <= between.count(tiny) + 2
    assert state_of(database, large) is StudyState.SEARCHING
