"""Run in a process of its own, beside plugins: a study by API, coordinator and worker, as JSON.

`python -m tests.plugins.studied FOLDER`. Afterwards the same studies where another version of the
plugin is installed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from app.settings import AppSettings
from parametrization.optimizers.registry import PLUGINS
from parametrization.plugins import Plugins
from tests.app.served import Served, serving
from tests.service.one_process import EngineWithoutProcesses
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.spec import versions as plugin_versions
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, park_studies

NAME = "adam_then_sgd"
SPEC: dict[str, Any] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 32},
    "proxy_width": 8,
    "optimizers": [{"name": NAME, "switch_after": 4}],
    "training": {"steps": 8, "batch_size": 8},
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5, "grid_factor": 8},
    "on_failed_check": "warn",
    "packing": "solo",
}


def main(folder: str) -> None:
    url = f"sqlite:///{Path(folder) / 'study.db'}"
    migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as served:
        found = studied(served, Path(folder) / "checkpoints") | reopened(served)
    database.close()
    sys.stdout.write(json.dumps(found))


def studied(served: Served, checkpoints: Path) -> dict[str, Any]:
    """What the API says of a study that ran to its end, and of one for a version that is not."""
    pinned = SPEC | {"optimizers": [{"name": NAME, "plugin": "more-optimizers 0.0.9"}]}
    refused = served.client.post("/v1/studies", json=pinned)
    study_id = served.submit(**SPEC)
    engine, memory = EngineWithoutProcesses(checkpoints), Memory()
    for _ in range(2_000):
        tick(served.database, engine, wait_seconds=0, memory=memory)
        with served.database.read() as session:
            if get_study(session, study_id).state in FINAL_STUDY_STATES:
                break
    return {
        "refused": [refused.status_code, refused.json()["detail"]],
        "study": served.client.get(f"/v1/studies/{study_id}").json(),
        "recommendation": served.client.get(f"/v1/studies/{study_id}/recommendation").json(),
    }


def reopened(served: Served) -> dict[str, Any]:
    """What becomes of studies of version 0.1.0 where 0.2.0 is installed."""
    unfinished = served.submit(**SPEC)
    newer = PLUGINS.usable[NAME]._replace(package="more-optimizers 0.2.0")
    with pytest.MonkeyPatch.context() as patched:
        installed = {"optimizers": Plugins({NAME: newer}, ())}
        patched.setattr(plugin_versions, "INSTALLED", installed)
        with served.database.write() as session:
            park_studies(session)
        resumed = served.client.post(f"/v1/studies/{unfinished}:resume")
        listed = served.client.get("/v1/studies").json()["studies"]
    return {
        "resumed": [resumed.status_code, resumed.json()["detail"]],
        "listed": [(one["state"], one["reason"]) for one in listed],
    }


if __name__ == "__main__":
    main(sys.argv[1])
