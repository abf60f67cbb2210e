"""Whatever is killed, whenever: an external study completes, and every update is there once."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.outcomes import completions
from tests.service.processes import is_gone, kill
from tests.service.running import RunningService, wait_for
from tests.service.test_crash import done
from tests.tuner.own_trainer import STEPS, external_spec, losses
from tuner.storage.sql.database import Database

pytestmark = pytest.mark.slow

SPEC = external_spec(search={"trials": 4, "batch_size": 4}, measure={"grid_points": 5})


class Trainers:
    """Two trainer processes; one that is killed is replaced by another."""

    def __init__(self, service: RunningService, study_id: str) -> None:
        self._service = service
        self._study_id = study_id
        self._count = 0
        self.running: list[subprocess.Popen[bytes]] = []
        for _ in range(2):
            self.hire()

    def hire(self) -> None:
        self._count += 1
        command = [sys.executable, "-m", "tests.service.own_trainer_process"]
        arguments = [self._service.address, self._study_id, f"trainer-{self._count}"]
        self.running.append(subprocess.Popen([*command, *arguments]))

    def strike(self) -> None:
        victim = self.running.pop(0)
        victim.kill()
        victim.wait()
        self.hire()

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[RunningService]:
    running = RunningService(tmp_path / "data", 1, WIDTHWISE_DATABASE_URL=database_url)
    yield running
    running.stop()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_external_study_survives_the_death_of_every_process(
    service: RunningService, database: Database
) -> None:
    study_id = service.submit(SPEC)
    trainers = Trainers(service, study_id)
    try:
        for ended, victim in ((1, "tuner"), (5, "api"), (9, "trainer"), (13, "tuner")):
            wait_for("trials", partial(has_ended, service, study_id, ended))
            strike(service, trainers, victim)
        found = service.finished(study_id)
        assert found["state"] == "completed", found["reason"]
        for process in trainers.running:
            assert process.wait(PATIENCE_SECONDS) == 0  # 410 tells them that it is over
    finally:
        trainers.stop()
    every_update_is_there_once(service, study_id)
    repeated = completions(database)
    assert len(repeated) == len(set(repeated))


def has_ended(service: RunningService, study_id: str, trials: int) -> bool:
    return done(service, study_id) >= trials


def strike(service: RunningService, trainers: Trainers, victim: str) -> None:
    if victim == "trainer":
        trainers.strike()
        return
    pid = wait_for(victim, lambda: service.child(f"service.{victim}"))
    kill(pid)
    wait_for(f"the end of {victim}", partial(is_gone, pid))


def every_update_is_there_once(service: RunningService, study_id: str) -> None:
    trials = service.get(f"/v1/studies/{study_id}/trials?page_size=1000")["trials"]
    curves = service.get(f"/v1/studies/{study_id}/curves")["curves"]
    stored = {curve["number"]: curve for curve in curves}
    for trial in trials:
        expected = [loss for loss in losses(as_lease(trial)) if loss is not None]
        if trial["state"] == "complete":
            assert len(expected) == STEPS
        else:
            assert trial["state_reason"] == "diverged"
        curve = stored[trial["number"]]
        assert curve["steps"] == list(range(1, len(expected) + 1))
        assert curve["values"] == pytest.approx(expected, rel=1e-6)


def as_lease(trial: dict[str, Any]) -> dict[str, Any]:
    return trial | {"steps": STEPS}
