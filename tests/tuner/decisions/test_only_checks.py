"""A study that stops after its check is decided to its end without a trial."""

from pathlib import Path

import pytest

from parametrization.rules.parametrization import Parametrization
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import CheckOrder
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.check_progress import check_seconds
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot


@pytest.mark.parametrize("parametrization", list(Parametrization))
def test_a_study_that_stops_after_its_check_starts_its_orders_and_no_trial(
    tmp_path: Path, parametrization: Parametrization
) -> None:
    """Whatever the check finds, the study has done what it was asked for."""
    url = f"sqlite:///{tmp_path / 'checks.db'}"
    migrate(url)
    database = open_database(url)
    only = {
        "family": {"name": "gpt"},
        "target": {"width": 256},
        "stop_after": "check",
        "check": {"parametrization": parametrization},
    }
    with database.write() as session:
        study_id = open_study(session, StudySpec.model_validate(only))[0].id
    engine, memory = AnalyticEngine(slots=2, hidden_growth=1.0, losing=0.2), Memory()
    for _ in range(1_000):
        tick(database, engine, wait_seconds=0, memory=memory)
        with database.read() as session:
            if get_study(session, study_id).state in FINAL_STUDY_STATES:
                break
    with database.read() as session:
        ended = read_snapshot(session, study_id)
        taken = check_seconds(session, ended.study)
        often_paused = ended.study.model_copy(update={"version": 100_000})
        assert check_seconds(session, often_paused) == taken
    database.close()
    assert ended.study.state is StudyState.COMPLETED
    assert ended.study.reason is not None
    assert ended.study.reason.startswith("failed (adamw")
    assert len(ended.trials) == 0
    checks = [order for order in engine.started if isinstance(order, CheckOrder)]
    assert {order.model.width for order in checks} == {64, 128, 256, 512}
    assert {order.model.parametrization for order in checks} == {parametrization}
    assert {order.kind for order in engine.started} == {"describe", "check"}
    assert taken.keys() == {("adamw", width) for width in (64, 128, 256, 512)}
    assert all(seconds >= 0 for seconds in taken.values())
