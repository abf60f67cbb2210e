"""What the coordinator remembers of a study is what is stored, whatever happens meanwhile."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen, remove

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.decisions.test_plan import essence, run_to_end, snapshot_of, spec, submit
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.decisions.plan import next_decision, wanted_orders
from tuner.engine.packing import Packing
from tuner.engine.reports import Report
from tuner.engine.slots import Capacity, capacity_of
from tuner.spec.states import FINAL_STUDY_STATES, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.changes.study_edits import Edit, edit_study
from tuner.storage.commits import reopen_orders
from tuner.storage.orders import open_order_ids
from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import pause_study, read_for_decision, resume_study

FUSED = Packing(way="fused", least=2, most=3, speedup=2.0, device="cpu")


class ForgetfulEngine(AnalyticEngine):
    """Sends its last reports once more when it is asked to."""

    def __init__(self, seed: int) -> None:
        super().__init__(slots=2, seed=seed, losing=0.05, packing=FUSED)
        self._last: list[Report] = []
        self.repeats = False

    def wait(self, timeout_seconds: float) -> list[Report]:
        if self.repeats:
            self.repeats = False
            return self._last
        self._last = super().wait(timeout_seconds)
        return self._last


def small(pruner: str) -> StudySpec:
    return spec(
        search={"trials": 6, "batch_size": 3, "pruner": pruner},
        measure={"grid_points": 5, "widths": [32, 64, 128]},
        control="none",
        packing="measured",
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder: Path = tmp_path_factory.mktemp("memory")
    url = f"sqlite:///{folder / 'studies.db'}"
    migrate(url)
    return open_database(url)


def assert_remembered_as_stored(
    database: Database, memory: Memory, study_id: str, capacity: Capacity
) -> None:
    with database.read() as session:
        active = ActiveStudies().read(session)
        assert memory.active.read(session) == active
        assert list(memory.open_order_ids(session).items()) == list(open_order_ids(session).items())
        memory.keep(active)
        stored = read_for_decision(session, study_id, capacity)
    remembered = memory.snapshot(database, study_id, capacity)
    # Counts follow from trials, edits change whose turn it is: no decision of the study reads them.
    unread = ("counts", "priority", "edits", "labels", "project", "updated_at")
    alike = {name: getattr(stored.study, name) for name in unread}
    assert remembered.study.model_copy(update=alike) == stored.study
    assert remembered.trials == stored.trials
    assert {o.order.id: o for o in remembered.open_orders} == {
        o.order.id: o for o in stored.open_orders
    }
    decision = next_decision(stored)
    assert next_decision(remembered, memory.searches(study_id)) == decision
    if decision.is_empty:
        assert list(wanted_orders(remembered)) == list(wanted_orders(stored))


class Coordinator:
    """One coordinator after another of a database, and what happens to them."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.seed = database, seed
        self.memory = Memory()
        self.engine: AnalyticEngine = ForgetfulEngine(seed)
        self.edits = 0

    def turn(self) -> None:
        tick(self.database, self.engine, wait_seconds=0, memory=self.memory)

    def restart(self) -> None:
        self.memory, self.engine = Memory(), ForgetfulEngine(self.seed)
        with self.database.write() as session:
            reopen_orders(session)

    def meet(self, event: str, study_id: str) -> None:
        match event:
            case "edit":
                self.edits += 1
                with self.database.write() as session:
                    edit_study(session, study_id, Edit(priority=self.edits))
            case "pause":
                with self.database.write() as session:
                    pause_study(session, study_id)
                    resume_study(session, study_id)
            case "repeat":
                assert isinstance(self.engine, ForgetfulEngine)
                self.engine.repeats = True
            case "kill":
                busy = [slot.busy_with for slot in self.engine.slots() if slot.busy_with]
                for order_id in busy[:1]:
                    self.engine.kill(order_id)
            case "restart":
                self.restart()


EVENTS = st.sampled_from([*["nothing"] * 6, "edit", "pause", "repeat", "kill", "restart"])


@pytest.mark.parametrize("pruner", ["none", "median", "successive_halving"])
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # an example takes seconds: shrinking, minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 1_000),
    events=st.lists(EVENTS, min_size=30, max_size=60),
)
def test_a_remembered_study_is_the_stored_one_after_every_turn(
    database: Database, pruner: str, seed: int, events: list[str]
) -> None:
    study_id, coordinator = submit(database, small(pruner)), Coordinator(database, seed)
    for event in (*events, *["nothing"] * 300):
        coordinator.turn()
        if snapshot_of(database, study_id).study.state in FINAL_STUDY_STATES:
            break
        capacity = capacity_of(coordinator.engine.slots())
        assert_remembered_as_stored(database, coordinator.memory, study_id, capacity)
        coordinator.meet(event, study_id)
    found = snapshot_of(database, study_id)
    assert found.study.state in FINAL_STUDY_STATES
    if any(trial.state is TrialState.FAIL for trial in found.trials):
        return  # its worker died three times: the answer may differ
    alone = run_to_end(database, submit(database, small(pruner)), AnalyticEngine(slots=1))
    assert essence(found) == essence(alone)


def test_what_a_turn_has_written_of_trials_is_not_read_again(database: Database) -> None:
    read: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        read.append(statement)

    study_id, coordinator = submit(database, small("none")), Coordinator(database, seed=1)
    while not snapshot_of(database, study_id).trials.unfinished:
        coordinator.turn()
    coordinator.turn()  # reads the trials that were asked for, and starts some
    listen(database.readers, "before_cursor_execute", note)
    turns = 0
    while len(snapshot_of(database, study_id).trials.unfinished) > 1:
        turns += 1
        read.clear()
        coordinator.turn()
        assert read, "others may have moved the study"
        assert not [statement for statement in read if "FROM trials" in statement]
    assert turns
    remove(database.readers, "before_cursor_execute", note)


def test_a_lost_order_has_its_own_trials_read_again_and_no_others(database: Database) -> None:
    read: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        read.append(statement)

    study_id, coordinator = submit(database, small("none")), Coordinator(database, seed=1)
    coordinator.engine = AnalyticEngine(slots=2)
    while not snapshot_of(database, study_id).trials.unfinished:
        coordinator.turn()
    coordinator.turn()
    busy = [slot.busy_with for slot in coordinator.engine.slots() if slot.busy_with]
    for order_id in busy:  # one a turn, whichever it is
        coordinator.engine.kill(order_id)
    listen(database.readers, "before_cursor_execute", note)
    for _ in busy:
        coordinator.turn()
    coordinator.turn()
    remove(database.readers, "before_cursor_execute", note)
    of_trials = [statement for statement in read if "FROM trials" in statement]
    assert of_trials
    assert all("trials.number IN" in statement for statement in of_trials)
    again = {order.id for order in coordinator.engine.started if order.attempt == 2}
    assert again == {*busy}
    assert_remembered_as_stored(
        database, coordinator.memory, study_id, capacity_of(coordinator.engine.slots())
    )
