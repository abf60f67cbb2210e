"""Whatever is killed, whenever: the study completes as if nothing had happened."""

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from app.settings import AppSettings
from tests.app.served import serving
from tests.service.one_process import completed
from tests.service.outcomes import SPEC, completions, differences, trials_and_curves
from tests.service.processes import descendants_of, is_gone, is_running, kill
from tests.service.running import RunningService, wait_for
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import Database, open_database
from workers.slot.process import settle_torch

pytestmark = pytest.mark.slow

PHASES = ["queued", "checking", "searching", "measuring", "completed"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the study gives that this process trains, one order after the other."""
    folder = tmp_path_factory.mktemp("calm")
    settle_torch()
    study_id = completed(StudySpec.model_validate(SPEC), folder).study.id
    torch.set_flush_denormal(False)
    with (
        closing(open_database(f"sqlite:///{folder / 'study.db'}")) as database,
        serving(database, AppSettings()) as served,
    ):
        return trials_and_curves(lambda path: served.client.get(path).json(), study_id)


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[RunningService]:
    running = RunningService(tmp_path / "data", WIDTHWISE_DATABASE_URL=database_url)
    yield running
    running.stop()


def strike(service: RunningService, victim: str) -> None:
    """Kill one part of the service, which may still have to start after the strike before."""
    if victim == "everything":
        service.kill_tree()
        service.start()
    elif victim == "ctrl-c":
        family = wait_for("API, coordinator and two slots", lambda: whole_family(service))
        assert service.stop() == 0
        assert not [pid for pid in family if is_running(pid)]
        service.start()
    else:
        pid = wait_for(victim, lambda: part_of(service, victim))
        kill(pid)
        wait_for(f"the end of {victim}", partial(is_gone, pid))


def whole_family(service: RunningService) -> list[int] | None:
    """Process ids of everything that the service starts, once all are there."""
    family = descendants_of(service.process.pid)
    return family if len(family) >= 4 else None


def part_of(service: RunningService, victim: str) -> int | None:
    """Process id of a part that runs now: of a worker, whichever it is."""
    if victim == "worker":
        return next(iter(service.workers()), None)
    return service.child(f"service.{victim}")


@pytest.mark.parametrize(
    ("backend", "victims"),
    [
        pytest.param("postgresql", ["tuner", "api", "tuner"], marks=pytest.mark.postgres),
        ("sqlite", ["worker", "api", "worker"]),
        ("sqlite", ["everything", "ctrl-c", "everything"]),
    ],
    ids=["tuner and API", "worker and API", "everything and Ctrl-C"],
)
def test_a_study_survives_the_death_of_any_process_at_any_moment(
    victims: list[str], service: RunningService, database: Database, uninterrupted: dict[str, Any]
) -> None:
    """Strikes at moments drawn from the study's own progress, in every phase of it."""
    study_id = service.submit(SPEC)
    moments = random.Random(victims[0])
    for state, victim in zip(PHASES[1:4], victims, strict=True):
        wait_for_progress(service, study_id, state, trials=moments.randint(0, 5))
        strike(service, victim)
    assert service.finished(study_id)["state"] == "completed"
    assert differences(trials_and_curves(service.get, study_id), uninterrupted) == []
    repeated = completions(database)
    assert len(repeated) == len(set(repeated)), "a complete trial was trained again"


def wait_for_progress(service: RunningService, study_id: str, state: str, trials: int) -> None:
    """Wait until the study has reached a state and ended so many more trials, or left it."""

    def phase() -> int:
        return PHASES.index(service.study(study_id)["state"])

    wait_for(state, lambda: phase() >= PHASES.index(state))
    goal = done(service, study_id) + trials
    wait_for(
        f"{trials} more trials",
        lambda: done(service, study_id) >= goal or phase() > PHASES.index(state),
    )


def done(service: RunningService, study_id: str) -> int:
    """Trials that have ended."""
    counts: dict[str, int] = service.study(study_id)["progress"]["trials"]
    return sum(counts.get(state, 0) for state in ("complete", "pruned", "fail"))
