"""A full disk, a read-only one, too little memory, rates that diverge: each says what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.one_process import completed
from tests.service.processes import kill
from tests.service.running import RunningService, wait_for
from tuner.spec.states import StateReason
from tuner.spec.study import StudySpec

pytestmark = pytest.mark.slow

SPEC: dict[str, Any] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 64},
    "proxy_width": 16,
    "training": {"steps": 24, "batch_size": 32},
    "search": {"trials": 4, "batch_size": 4},
    "measure": {"widths": [16, 24, 32], "grid_points": 5},
    "check": {"widths": [64, 96, 128]},
    "on_failed_check": "warn",
}


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that can be filled and made read-only."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=8m")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def service(small_disk: Path) -> Iterator[RunningService]:
    running = RunningService(small_disk / "data", slots=1)
    yield running
    running.stop()


def fill(folder: Path) -> Path:
    """Take every free byte with one file; deleting it frees them."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


def test_a_full_disk_refuses_new_studies_and_keeps_the_others(
    service: RunningService, small_disk: Path
) -> None:
    study_id = service.submit(SPEC)
    wait_for("its start", lambda: service.study(study_id)["state"] != "queued")
    filler = fill(small_disk)

    refused = wait_for("a refusal", lambda: _refusal(service))
    assert refused.status_code == 507
    assert refused.headers["content-type"] == "application/problem+json"
    assert "free" in refused.json()["detail"]
    assert service.study(study_id)["id"] == study_id  # reading goes on

    filler.unlink()
    assert service.finished(study_id)["state"] == "completed"
    assert service.http.post("/v1/studies", json=SPEC).status_code == 202


def test_neither_a_log_that_cannot_be_written_nor_a_second_service_ends_anything(
    tmp_path: Path,
) -> None:
    (tmp_path / "data.log").symlink_to("/dev/full")
    service = RunningService(tmp_path / "data", slots=1)
    study_id = service.submit(SPEC)
    second = subprocess.run(
        [sys.executable, "-m", "service.up", "--port=0", f"--data-dir={service.data_dir}"],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert "another service runs on" in second.stderr
    tuner = service.child("service.tuner")
    assert tuner is not None
    kill(tuner)  # which the supervisor logs
    assert service.finished(study_id)["state"] == "completed"
    service.stop()


def test_the_service_does_not_start_where_it_cannot_write(small_disk: Path) -> None:
    mount(small_disk, "remount,ro")
    folder = small_disk / "data"
    ended = subprocess.run(
        [sys.executable, "-m", "service.up", "--port=0", f"--data-dir={folder}"],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert str(folder) in ended.stderr
    assert "--data-dir" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_trial_that_needs_more_memory_than_its_slot_has_fails_alone_and_says_so(
    tmp_path: Path,
) -> None:
    service = RunningService(
        tmp_path / "data", slots=1, WIDTHWISE_SLOT_MEMORY_BYTES=str(1_200_000_000)
    )
    study_id = service.submit(
        SPEC | {"target": {"width": 16384}, "measure": {"widths": [16, 24, 32, 16384]}}
    )
    study = service.finished(study_id)
    trials = service.get(f"/v1/studies/{study_id}/trials?page_size=1000")["trials"]
    wide = [trial for trial in trials if trial["width"] == 16384]
    assert wide
    assert {trial["state_reason"] for trial in wide} == {"out_of_memory"}
    assert "16384" in wide[0]["message"]
    assert all(t["state"] != "fail" for t in trials if t["width"] < 16384)
    assert study["state"] == "completed"
    assert service.stop() == 0


def test_diverging_trials_are_results_and_the_study_goes_on(tmp_path: Path) -> None:
    rates = {"type": "float", "low": 1e-3, "high": 1e6, "log": True}
    hot = SPEC | {
        "optimizers": [{"name": "sgd", "momentum": 0.9, "learning_rate": rates}],
        "search": {"trials": 8, "batch_size": 8, "sampler": "qmc"},
        "check": {"widths": [64, 96, 128], "seeds": 4},
    }
    trials = completed(StudySpec.model_validate(hot), tmp_path).trials
    diverged = [trial for trial in trials if trial.state_reason is StateReason.DIVERGED]
    assert diverged
    assert all(trial.value is None and "learning rate" in str(trial.message) for trial in diverged)


def _refusal(service: RunningService) -> Any:  # noqa: ANN401  an httpx response
    answer = service.http.post("/v1/studies", json=SPEC)
    return None if answer.status_code == 202 else answer
