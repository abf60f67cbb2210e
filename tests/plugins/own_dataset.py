"""Run in a process of its own, beside a plugin: a study on its dataset, to the end, as JSON.

`python -m tests.plugins.own_dataset FOLDER`. Then what becomes of it where another version is
installed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from app.settings import AppSettings
from parametrization.plugins import Plugins
from parametrization.rules.parametrization import Parametrization
from tests.app.served import Served, serving
from tests.service.one_process import EngineWithoutProcesses
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.decisions.packing import model_spec
from tuner.spec import versions as plugin_versions
from tuner.spec.changed import Changed
from tuner.spec.datasets.registry import PLUGINS
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study
from workers.datasets.load import load_data

SPEC: dict[str, Any] = {
    "family": {"name": "gpt", "depth": 1, "head_size": 4, "context": 8},
    "dataset": {"name": "sums", "digits": 1},
    "target": {"width": 32},
    "proxy_width": 8,
    "training": {"steps": 8, "batch_size": 4},
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5, "grid_factor": 8},
    "on_failed_check": "warn",
    "packing": "solo",
    "control": "none",
}


def main(folder: str) -> None:
    url = sqlite_url(Path(folder) / "study.db")
    migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as served:
        found = studied(served, Path(folder) / "checkpoints")
    database.close()
    sys.stdout.write(json.dumps(found))


def studied(served: Served, checkpoints: Path) -> dict[str, Any]:
    """What the API says of a study that ran to its end, and of one for a version that is not."""
    pinned = SPEC | {"dataset": {"name": "sums", "plugin": "more-datasets 0.0.9"}}
    refused = served.client.post("/v1/studies", json=pinned)
    study_id = served.submit(**SPEC)
    engine, memory = EngineWithoutProcesses(checkpoints), Memory()
    for _ in range(2_000):
        tick(served.database, engine, wait_seconds=0, memory=memory)
        with served.database.read() as session:
            study = get_study(session, study_id)
        if study.state in FINAL_STUDY_STATES:
            break
    newer = PLUGINS.usable["sums"]._replace(package="more-datasets 0.2.0")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plugin_versions, "INSTALLED", {"dataset": Plugins({"sums": newer}, ())})
        with pytest.raises(Changed) as changed:
            load_data(model_spec(study.spec, 8, Parametrization.MUP))
    return {
        "refused": [refused.status_code, refused.json()["detail"]],
        "study": served.client.get(f"/v1/studies/{study_id}").json(),
        "datasets": served.client.get("/v1/datasets").json()["datasets"],
        "changed": str(changed.value),
    }


if __name__ == "__main__":
    main(sys.argv[1])
