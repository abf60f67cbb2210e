"""A study of a plugin's optimizer through API, coordinator and workers, and its version after."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.conftest import environment
from tests.service.running import RunningService, wait_for

pytestmark = pytest.mark.slow

SPEC: dict[str, Any] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 32},
    "proxy_width": 8,
    "optimizers": [{"name": "adam_then_sgd", "switch_after": 6}],
    "training": {"steps": 12, "batch_size": 8},
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5},
    "on_failed_check": "warn",
}


@pytest.fixture
def site(example_site: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example_site, tmp_path / "site"))


@pytest.fixture
def service(site: Path, tmp_path: Path) -> Iterator[RunningService]:
    path = environment(site)["PYTHONPATH"]
    running = RunningService(tmp_path / "data", slots=1, PYTHONPATH=path)
    yield running
    running.stop()


def install_another_version(site: Path) -> None:
    (folder,) = site.glob("*.dist-info")
    metadata = (folder / "METADATA").read_text()
    (folder / "METADATA").write_text(metadata.replace("Version: 0.1.0", "Version: 0.2.0"))
    folder.rename(site / "more_optimizers-0.2.0.dist-info")


def test_a_plugins_optimizer_is_studied_and_its_version_kept(
    service: RunningService, site: Path
) -> None:
    pinned = {"name": "adam_then_sgd", "plugin": "more-optimizers 0.0.9"}
    refused = service.http.post("/v1/studies", json={**SPEC, "optimizers": [pinned]})
    assert refused.status_code == 409
    assert "more-optimizers 0.1.0 is installed: install more-optimizers 0.0.9" in refused.text

    study_id = service.submit(SPEC)
    study = service.finished(study_id)
    assert study["state"] == "completed", study["reason"]
    answer = service.get(f"/v1/studies/{study_id}/recommendation")
    assert answer["provenance"]["plugin"] == "more-optimizers 0.1.0"
    hidden = next(one for one in answer["tensors"] if one["role"] == "hidden")
    assert "adam_then_sgd rate / 4 (derived, low confidence)" in hidden["reason"]

    unfinished = service.submit({**SPEC, "training": {"steps": 1_000_000}})
    service.stop()
    install_another_version(site)
    service.start()

    def parked() -> dict[str, Any] | None:
        study = service.study(unfinished)
        return study if study["state"] == "paused" else None

    difference = "adam_then_sgd is of more-optimizers 0.1.0, and more-optimizers 0.2.0 is installed"
    assert difference in wait_for("the coordinator", parked)["reason"]
    resumed = service.http.post(f"/v1/studies/{unfinished}:resume")
    assert resumed.status_code == 409
    assert difference in resumed.json()["detail"]
    assert service.study(study_id)["state"] == "completed"
