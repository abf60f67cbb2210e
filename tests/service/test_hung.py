"""Whatever is frozen is noticed and replaced, and the study completes."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.service.processes import is_gone
from tests.service.running import RunningService, wait_for
from tests.service.test_trouble import SPEC
from tuner.spec.states import FINAL_STUDY_STATES

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    running = RunningService(tmp_path / "data", slots=1)
    yield running
    running.stop()


def test_a_frozen_api_tuner_or_worker_is_replaced_and_the_study_goes_on(
    service: RunningService,
) -> None:
    long = SPEC | {"training": {"steps": 120, "batch_size": 32}}
    study_id = service.submit(long)
    wait_for("a search", lambda: service.study(study_id)["state"] not in ("queued", "checking"))
    children = [service.child("service.api"), service.child("service.tuner")]
    frozen = [pid for pid in children if pid is not None]
    assert len(frozen) == 2
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    for pid in frozen:
        wait_for("the end of a frozen child", partial(is_gone, pid))
    service.answers()
    (worker,) = wait_for("a new worker", lambda: service.workers() or None)
    wait_for("its order", lambda: busy_slot(service) or is_over(service, study_id))
    os.kill(worker, signal.SIGSTOP)
    wait_for("the end of a frozen worker", partial(is_gone, worker))
    assert service.finished(study_id)["state"] == "completed"


def busy_slot(service: RunningService) -> bool:
    listed: list[dict[str, Any]] = service.get("/v1/workers")["workers"]
    slots = [one for one in listed if one["name"] != "tuner"]
    return any(one["order_id"] and one["liveness"] == "well" for one in slots)


def is_over(service: RunningService, study_id: str) -> bool:
    return service.study(study_id)["state"] in FINAL_STUDY_STATES
