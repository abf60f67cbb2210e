"""Studies on files of the user's own, to their end, with the files changed and gone meanwhile."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.running import RunningService, wait_for
from tests.workers.datasets.examples import text, tokens

pytestmark = pytest.mark.slow

SPEC: dict[str, Any] = {
    "family": {"name": "gpt", "depth": 1, "head_size": 4, "context": 8},
    "target": {"width": 32},
    "proxy_width": 8,
    "training": {"steps": 8, "batch_size": 4},
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5, "grid_factor": 8},
    "on_failed_check": "warn",
    "packing": "solo",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own data: 100% größer?")


@pytest.fixture(scope="module")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    allowed = f'["{folder}"]'
    home = tmp_path_factory.mktemp("service") / "data"
    running = RunningService(home, slots=1, WIDTHWISE_DATASET_DIRS=allowed)
    yield running
    running.stop()


def ended(service: RunningService, study_id: str, *states: str) -> dict[str, Any]:
    def study() -> dict[str, Any] | None:
        found = service.study(study_id)
        return found if found["state"] in (*states, "completed", "failed") else None

    return wait_for("the study", study)


def is_not_in(service: RunningService, study_id: str, states: tuple[str, ...]) -> bool:
    return service.study(study_id)["state"] not in states


def test_a_text_and_a_file_of_tokens_are_studied_to_the_end(
    service: RunningService, folder: Path
) -> None:
    named = {
        service.submit(SPEC | {"dataset": {"name": "text-file"} | text(folder)}): "text.txt",
        service.submit(SPEC | {"dataset": {"name": "token-file"} | tokens(folder)}): "tokens.bin",
    }
    for study_id, name in named.items():
        study = ended(service, study_id)
        assert study["state"] == "completed", study["reason"]
        answer = service.http.get(f"/v1/studies/{study_id}/recommendation").json()
        contents = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert answer["provenance"]["data_sha256"] == contents


def test_a_study_waits_while_its_data_are_others_and_goes_on_with_the_same(
    service: RunningService, folder: Path
) -> None:
    path = folder / "changing.txt"
    original = b"all work and no play makes jack a dull boy\n" * 500
    training = {"steps": 24, "batch_size": 4}
    dataset = {"name": "text-file", "path": "changing.txt"}
    begun = ("queued", "checking")
    for _ in range(5):  # a study that had ended before its data were others tells nothing
        path.write_bytes(original)
        study_id = service.submit(SPEC | {"dataset": dataset, "training": training})
        wait_for("training", partial(is_not_in, service, study_id, begun))
        path.write_bytes(original.replace(b"dull", b"glad"))
        paused = ended(service, study_id, "paused")
        if paused["state"] != "completed":
            break
    assert paused["state"] == "paused", paused["reason"]
    assert f"{path} has changed since the study began" in paused["reason"]
    path.unlink()
    service.http.post(f"/v1/studies/{study_id}:resume").raise_for_status()
    gone = ended(service, study_id, "paused")
    assert f"{path} does not exist" in gone["reason"]
    path.write_bytes(original)
    service.http.post(f"/v1/studies/{study_id}:resume").raise_for_status()
    completed = ended(service, study_id)
    assert completed["state"] == "completed", completed["reason"]


def test_a_path_elsewhere_is_refused_at_once(service: RunningService, tmp_path: Path) -> None:
    elsewhere = tmp_path / "text.txt"
    elsewhere.write_text("nobody allows this\n" * 100)
    dataset = {"name": "text-file", "path": str(elsewhere)}
    refused = service.http.post("/v1/studies", json=SPEC | {"dataset": dataset})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/dataset/path"
    assert "is in none of the directories that are allowed" in error["detail"]


def test_up_refuses_a_directory_of_data_that_is_not_here(tmp_path: Path) -> None:
    options = [f"--data-dir={tmp_path / 'data'}", f"--dataset-dir={tmp_path}", "--dataset-dir=/no"]
    program = "from widthwise.cli.commands import app; app()"
    command = [sys.executable, "-c", program, "up", *options]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    assert ran.returncode == 1
    assert "--dataset-dir /no is no directory: correct it" in ran.stderr
