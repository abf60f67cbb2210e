"""The service on a real Ray cluster: nodes and head die, and the study completes as if none had."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.service.outcomes import completions
from tests.service.processes import is_gone
from tests.service.running import RunningService, wait_for
from tests.workers.engines.ray_under_test import ray_nodes
from tests.workers.specs import train_order
from tuner.engine.orders import TrainOrder
from tuner.engine.reports import Done
from tuner.storage.orders import order_of
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.sql.tables import OrderRow
from workers.slot.orders import OpenCohort, carry_out

pytestmark = [pytest.mark.slow, pytest.mark.ray]

SPEC: dict[str, Any] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 128},
    "proxy_width": 16,
    "optimizers": [
        {"name": "adamw", "learning_rate": {"type": "float", "low": 1e-3, "high": 0.3, "log": True}}
    ],
    "training": {"steps": 250, "batch_size": 32},
    "search": {"trials": 4, "batch_size": 2, "pruner": "none"},
    "measure": {"widths": [16, 32, 64], "grid_points": 5},
    "check": {"widths": [64, 96, 128]},
    "on_failed_check": "warn",
    "packing": "solo",
}


def database_of(service: RunningService) -> Database:
    return open_database(sqlite_url(service.data_dir / "widthwise.db"))


def trained_here(service: RunningService, folder: Path) -> dict[int, dict[int, float]]:
    """Train losses of every trial of the one study, each trained at a stretch by this process."""
    with closing(database_of(service)) as database, database.read() as session:
        orders = [order_of(row) for row in session.scalars(select(OrderRow))]
    specs = {
        trial.spec.number: trial.spec
        for order in orders
        if isinstance(order, TrainOrder)
        for trial in order.trials
    }
    losses = {}
    for number, spec in specs.items():
        order = train_order(spec, rungs=(spec.training.steps,))
        (done,) = carry_out(order, OpenCohort(), folder)
        assert isinstance(done, Done)
        (series,) = [one for one in done.trials[0].curves if one.metric == "train_loss"]
        losses[number] = dict(zip(series.steps, series.values, strict=True))
    return losses


def stored(service: RunningService, study_id: str) -> dict[int, dict[int, float]]:
    """Train losses as the service shows them."""
    return {
        curve["number"]: dict(zip(curve["steps"], curve["values"], strict=True))
        for curve in service.get(f"/v1/studies/{study_id}/curves")["curves"]
        if curve["metric"] == "train_loss"
    }


def slots(service: RunningService) -> dict[str, dict[str, Any]]:
    """The service's slots, by name."""
    listed = service.get("/v1/workers")["workers"]
    return {one["name"]: one for one in listed if one["name"].startswith("ray-")}


def complete_trials(service: RunningService, study_id: str) -> int:
    trials = service.get(f"/v1/studies/{study_id}/trials?page_size=1000")["trials"]
    return sum(trial["state"] == "complete" for trial in trials)


@pytest.mark.timeout(900)  # two clusters start, with a dozen processes each
def test_a_study_outlives_a_node_and_the_head_and_its_curves_are_those_of_one_process(
    tmp_path: Path,
) -> None:
    with ExitStack() as ending:
        first = ending.enter_context(ExitStack())
        cluster = first.enter_context(ray_nodes(nodes=2, cores=1))
        service = RunningService(tmp_path / "data", RAY_ADDRESS=cluster.address)
        ending.callback(service.stop)
        study_id = service.submit(SPEC)
        wait_for("both slots at work", lambda: all_at_work(service))
        tuner = service.child("service.tuner")
        os.kill(cluster.raylets[1], signal.SIGKILL)
        wait_for(
            "the loss of a node", lambda: any(one["problem"] for one in slots(service).values())
        )
        wait_for("a trial after it", lambda: complete_trials(service, study_id) > 1)
        assert service.child("service.tuner") == tuner
        assert service.study(study_id)["state"] not in ("completed", "failed")

        os.kill(cluster.gcs, signal.SIGKILL)
        first.close()
        assert tuner is not None
        wait_for("the end of the tuner", lambda: is_gone(tuner))
        port = int(cluster.address.rpartition(":")[2])
        ending.enter_context(ray_nodes(nodes=2, cores=1, port=port))
        assert service.finished(study_id)["state"] == "completed"
        assert stored(service, study_id) == trained_here(service, tmp_path / "here")
        with closing(database_of(service)) as database:
            repeated = completions(database)
        assert len(repeated) == len(set(repeated)), "a complete trial was trained again"


def all_at_work(service: RunningService) -> bool:
    found = slots(service)
    return len(found) == 2 and all(one["order_id"] for one in found.values())


def test_a_coordinator_without_a_cluster_says_so_and_what_to_do(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'widthwise.db'}")
    ended = subprocess.run(
        [sys.executable, "-m", "service.tuner"],
        env=os.environ | {"RAY_ADDRESS": "127.0.0.1:9", "WIDTHWISE_DATA_DIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        "service.tuner: no Ray head answers at 127.0.0.1:9"
    )
    assert "WIDTHWISE_ENGINE=local" in ended.stderr
