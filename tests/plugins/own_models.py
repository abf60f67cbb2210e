"""Run in a process of its own, beside the example package: its model and dataset, as JSON.

`python -m tests.plugins.own_models FOLDER`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from app.routes.catalogue import list_datasets, list_families
from app.settings import AppSettings
from parametrization.rules.parametrization import Parametrization
from tests.app.served import Served, serving
from tests.service.one_process import EngineWithoutProcesses
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.decisions.packing import model_spec
from tuner.spec.families.registered_tasks import REGISTERED
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study
from workers.datasets.load import load_data

SPEC: dict[str, Any] = {
    "family": {"name": "spirals"},
    "target": {"width": 64},
    "proxy_width": 8,
    "training": {"steps": 8, "batch_size": 8},
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5, "grid_factor": 8},
    "on_failed_check": "warn",
}


def main(folder: str) -> None:
    families = {one.name: one.model_dump() for one in list_families().families}
    datasets = {one.name: one.plugin for one in list_datasets().datasets}
    found = {
        "spirals": families["spirals"],
        "sums": datasets["sums"],
    }
    url = f"sqlite:///{Path(folder) / 'study.db'}"
    migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as served:
        found |= _studied(served, Path(folder) / "checkpoints")
    database.close()
    sys.stdout.write(json.dumps(found))


def _studied(served: Served, checkpoints: Path) -> dict[str, Any]:
    pinned = SPEC | {"family": {"name": "spirals", "version": "own-models 0.0.9"}}
    refused = served.client.post("/v1/studies", json=pinned)
    study_id = served.submit(**SPEC)
    text = {"family": {"name": "gpt", "depth": 1, "context": 16}, "dataset": {"name": "sums"}}
    engine, memory = EngineWithoutProcesses(checkpoints), Memory()
    for _ in range(2_000):
        tick(served.database, engine, wait_seconds=0, memory=memory)
        with served.database.read() as session:
            if get_study(session, study_id).state in FINAL_STUDY_STATES:
                break
    on_sums = StudySpec.model_validate({"target": {"width": 256}} | text)
    batch = load_data(model_spec(on_sums, 32, Parametrization.MUP)).batch(0, 0, 4)
    registered = REGISTERED.find("spirals")
    assert registered is not None
    newer = registered.model_copy(update={"version": "own-models 0.2.0"})
    unfinished = served.submit(**SPEC)
    served.client.post(f"/v1/studies/{unfinished}:pause")
    REGISTERED.add_packaged({"spirals": newer})
    resumed = served.client.post(f"/v1/studies/{unfinished}:resume")
    return {
        "refused": [refused.status_code, refused.json()["detail"]],
        "resumed": [resumed.status_code, resumed.json()["detail"]],
        "study": served.client.get(f"/v1/studies/{study_id}").json(),
        "recommendation": served.client.get(f"/v1/studies/{study_id}/recommendation").json(),
        "on_sums": [on_sums.dataset.model_dump(), batch.inputs.shape],
    }


if __name__ == "__main__":
    main(sys.argv[1])
