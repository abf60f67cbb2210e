"""Studies whose trials train together: the same again, and as if never interrupted."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.service.one_process import EngineWithoutProcesses
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.checkpoints import CheckpointStore, FileCheckpoints
from tuner.engine.packing import Packing
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.commits import reopen_orders
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot
from tuner.storage.trials.curves import curves_of
from workers.cohort.programs import Programs
from workers.packing import probe
from workers.slot.orders import carry_out

SPEC = StudySpec.model_validate(
    {
        "family": {"name": "mlp", "depth": 2},
        "target": {"width": 32},
        "proxy_width": 8,
        "training": {"steps": 16, "batch_size": 8},
        "check": {"widths": [8, 16, 32], "seeds": 4},
        "search": {"trials": 8, "batch_size": 4},
        "measure": {"widths": [8, 16, 32], "grid_points": 5},
        "on_failed_check": "warn",
        "packing": "measured",
    }
)


TOGETHER = Packing(way="fused", least=2, most=4, speedup=2.0, device="cpu")
PROGRAMS = Programs()
"""Of all workers, one after another: tracing takes longer than what they train."""


class Killed(Exception):
    """The coordinator and its workers are gone, whatever they were doing."""


class DyingEngine(EngineWithoutProcesses):
    """One report at a time, and so many in its life."""

    def __init__(self, folder: Path, reports: int) -> None:
        super().__init__(folder)
        self._cohort.programs = PROGRAMS
        self._left = reports
        self._running: Iterator[Reached | Done | Failed | Lost] | None = None

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        if not self._waiting:
            return []
        if self._left == 0:
            raise Killed
        self._left -= 1
        self._running = self._running or carry_out(self._waiting[0], self._cohort, self._folder)
        report = next(self._running)
        if not isinstance(report, Reached):
            self._waiting.popleft()
            self._running = None
        return [report]


def studied(
    database: Database, folder: Path, reports_a_life: int = 10**6
) -> tuple[dict[str, Any], int]:
    """All that a study comes to, and how often its coordinator was killed meanwhile."""
    with database.write() as session:
        study_id = open_study(session, SPEC)[0].id
    deaths = 0
    checkpoints = FileCheckpoints(folder)
    while not _coordinated(database, study_id, DyingEngine(folder, reports_a_life), checkpoints):
        deaths += 1
    with database.read() as session:
        snapshot = read_snapshot(session, study_id)
        curves = curves_of(session, study_id)
    assert snapshot.study.state is StudyState.COMPLETED, snapshot.study.reason
    told = {"state", "value", "validation_loss", "step", "hyperparameters", "intermediate_values"}
    found = {
        "packings": snapshot.study.packings,
        "trials": [trial.model_dump(include=told) for trial in snapshot.trials],
        "curves": [curve.model_dump() for curve in curves],
    }
    return found, deaths


def _coordinated(
    database: Database, study_id: str, engine: DyingEngine, checkpoints: CheckpointStore
) -> bool:
    """Whether the study came to its end in the engine's life."""
    with database.write() as session:
        reopen_orders(session)
    memory = Memory()
    with suppress(Killed):
        for _ in range(1_000):
            tick(database, engine, wait_seconds=0, memory=memory, checkpoints=checkpoints)
            with database.read() as session:
                if get_study(session, study_id).state in FINAL_STUDY_STATES:
                    return True
        raise AssertionError("the study has not ended after 1,000 turns")
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one machine's memory."""
    return tmp_path_factory.mktemp("packed")


@pytest.fixture(scope="module")
def database(folder: Path) -> Database:
    url = f"sqlite:///{folder / 'studies.db'}"
    migrate(url)
    return open_database(url)


@pytest.fixture(scope="module")
def uninterrupted(database: Database, folder: Path) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patched:
        # Trials this small are not worth a probe, and what a busy machine measures is chance.
        patched.setattr(probe, "SHORT_SECONDS", 0.0)
        patched.setattr(probe, "measured_packing", lambda *_: TOGETHER)
        yield studied(database, folder)[0]


def test_small_trials_train_together(uninterrupted: dict[str, Any]) -> None:
    assert {packing.way for packing in uninterrupted["packings"].values()} == {"fused"}


def test_the_same_study_again_gives_the_same_trials_and_curves(
    database: Database, folder: Path, uninterrupted: dict[str, Any]
) -> None:
    """The machine remembers what it measured, so that it packs them the same."""
    assert studied(database, folder) == (uninterrupted, 0)


def test_a_study_whose_coordinator_dies_again_and_again_is_the_same(
    database: Database, folder: Path, uninterrupted: dict[str, Any]
) -> None:
    """Between orders and in the middle of one: a cohort goes on from its trials' checkpoints."""
    interrupted, deaths = studied(database, folder, reports_a_life=5)
    assert deaths > 3
    assert interrupted == uninterrupted
