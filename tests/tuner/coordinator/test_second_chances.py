"""Lost checkpoints and failed studies: what begins again ends as if nothing had happened."""

from pathlib import Path

import pytest

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.decisions.test_plan import essence, run_to_end, snapshot_of, spec, submit
from tuner.engine.orders import AnyOrder, OrderId, TrainOrder
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import Failed, Report
from tuner.records.errors import IllegalMove
from tuner.spec.states import StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.changes.retrying import retry_study
from tuner.storage.events import EventKind, events_after
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate


class FailingEngine(AnalyticEngine):
    """Fails orders of a kind, or finds a checkpoint missing, so many times."""

    def __init__(self, kind: str = "", failures: int = 0, lost_checkpoints: int = 0) -> None:
        super().__init__(slots=2)
        self._kind, self._failures, self._lost = kind, failures, lost_checkpoints

    def wait(self, timeout_seconds: float) -> list[Report]:
        for order in [order for order in self._running.values() if order]:
            failed = {"order_id": order.id, "attempt": order.attempt, "message": "as was asked"}
            starts = [t.start for t in order.trials if t.start] if order.kind == "train" else []
            if self._lost and starts:
                self._lost -= 1
                self.cancel(OrderId(order.id))
                uri = starts[0].uri
                return [Failed(**failed, reason=StateReason.CHECKPOINT, checkpoint=uri)]
            if self._failures and order.kind == self._kind:
                self._failures -= 1
                self.cancel(OrderId(order.id))
                return [Failed(**failed, reason=StateReason.ERROR)]
        return super().wait(timeout_seconds)


class ShrinkingEngine(AnalyticEngine):
    """Has one slot less than it has shown, now and then: a node died in between."""

    def start(self, order: AnyOrder) -> None:
        if (order.id, order.attempt) not in self._attempts and self._random.random() < 0.3:
            raise NoFreeSlot(order.id, "its node died")
        super().start(order)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    migrate(url)
    return open_database(url)


def small(pruner: str = "none") -> StudySpec:
    return spec(
        search={"trials": 4, "batch_size": 4, "pruner": pruner},
        measure={"grid_points": 5, "widths": [32, 64, 128]},
        control="none",
    )


def test_a_trial_that_has_lost_its_checkpoint_begins_again_and_changes_nothing(
    database: Database,
) -> None:
    alone = submit(database, small("median"))
    run_to_end(database, alone, AnalyticEngine(slots=2))
    study_id = submit(database, small("median"))
    engine = FailingEngine(lost_checkpoints=2)
    run_to_end(database, study_id, engine)
    found = snapshot_of(database, study_id)
    assert found.study.state is StudyState.COMPLETED
    assert essence(found) == essence(snapshot_of(database, alone))
    with database.read() as session:
        events = events_after(session, study_id, 0, 10_000)
    restarted = [one.data for one in events if one.kind == EventKind.TRIAL_RESTARTED]
    assert len(restarted) == 2
    again = [o for o in engine.started if isinstance(o, TrainOrder)]
    number = restarted[0]["number"]
    begun = [o for o in again for t in o.trials if t.spec.number == number and t.start is None]
    assert len(begun) == 2, "it began twice"


def test_orders_whose_slot_is_gone_wait_for_another(
    database: Database,
) -> None:
    alone = submit(database, small("median"))
    run_to_end(database, alone, AnalyticEngine(slots=2))
    study_id = submit(database, small("median"))
    run_to_end(database, study_id, ShrinkingEngine(slots=2))
    found = snapshot_of(database, study_id)
    assert found.study.state is StudyState.COMPLETED, found.study.reason
    assert essence(found) == essence(snapshot_of(database, alone))


@pytest.mark.parametrize("kind", ["describe", "check", "train"])
def test_a_failed_study_goes_on_where_it_failed_and_ends_like_any_other(
    database: Database, kind: str
) -> None:
    alone = submit(database, small())
    run_to_end(database, alone, AnalyticEngine(slots=2))
    study_id = submit(database, small())
    run_to_end(database, study_id, FailingEngine(kind, failures=4))
    failed = snapshot_of(database, study_id).study
    assert failed.state is StudyState.FAILED
    with database.write() as session:
        again = retry_study(session, study_id)
    assert again.state is failed.resume_state
    assert (again.reason, again.finished_at) == (None, None)
    run_to_end(database, study_id, AnalyticEngine(slots=2))
    found = snapshot_of(database, study_id)
    assert found.study.state is StudyState.COMPLETED
    assert all(trial.state is not TrialState.FAIL for trial in found.trials)
    assert essence(found) == essence(snapshot_of(database, alone))
    with database.write() as session, pytest.raises(IllegalMove):
        retry_study(session, study_id)
