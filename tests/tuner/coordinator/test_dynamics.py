"""Dynamics are measured once at every width, through losses and failures, and end no study."""

from pathlib import Path

import pytest

from tests.tuner.analytic_engine import AnalyticEngine, dynamics_at
from tests.tuner.coordinator.test_second_chances import FailingEngine
from tests.tuner.decisions.test_plan import run_to_end, snapshot_of, spec, submit
from tuner.engine.orders import DynamicsOrder
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate


@pytest.fixture
def database(tmp_path: Path) -> Database:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    migrate(url)
    return open_database(url)


def small(*, dynamics: bool = True) -> StudySpec:
    return spec(
        search={"trials": 4, "batch_size": 4, "pruner": "none"},
        measure={"grid_points": 5, "widths": [32, 64, 128]},
        control="none",
        dynamics=dynamics,
    )


def looked_at(engine: AnalyticEngine) -> list[DynamicsOrder]:
    return [order for order in engine.started if isinstance(order, DynamicsOrder)]


@pytest.mark.parametrize("losing", [0.0, 0.3])
def test_every_width_is_looked_at_after_the_measurement_whatever_is_lost(
    database: Database, losing: float
) -> None:
    study_id, engine = submit(database, small()), AnalyticEngine(slots=2, losing=losing)
    run_to_end(database, study_id, engine)
    study = snapshot_of(database, study_id).study
    assert study.state is StudyState.COMPLETED
    assert study.dynamics is not None
    seen = sorted(study.dynamics.trainings, key=lambda one: one.width)
    assert seen == [dynamics_at(width) for width in (32, 64, 128)]
    orders = looked_at(engine)
    assert [order.model.width for order in orders if order.attempt == 1] == [128, 64, 32]
    assert {order.trial.number for order in orders} == {orders[0].trial.number}
    first = engine.started.index(orders[0])
    assert all(isinstance(order, DynamicsOrder) for order in engine.started[first:])


def test_a_width_that_cannot_be_looked_at_is_told_and_the_study_completes(
    database: Database,
) -> None:
    study_id = submit(database, small())
    run_to_end(database, study_id, FailingEngine("dynamics", failures=1))
    study = snapshot_of(database, study_id).study
    assert study.state is StudyState.COMPLETED
    assert study.dynamics is not None
    problems = [one.problem for one in study.dynamics.trainings if one.problem]
    assert problems == ["error: as was asked"]
    assert len(study.dynamics.trainings) == 3


def test_a_study_that_does_not_ask_is_not_looked_at(database: Database) -> None:
    study_id, engine = submit(database, small(dynamics=False)), AnalyticEngine(slots=2)
    run_to_end(database, study_id, engine)
    assert looked_at(engine) == []
    assert snapshot_of(database, study_id).study.dynamics is None
