"""Measure the answers about a study of many trials, and what keeping its evidence costs.

    python -m benchmarks.service_load.evidence --json

One row for each number of trials: percentiles of a recommendation, of the loss against learning
rate, of a page of trials and of the study's page, from an API process on a loopback port over
SQLite, once it has prepared its pages. The trials are stored as a coordinator would, with losses of
the tests' analytic engine: most are a search's, the others a grid at four widths under muP and the
standard rules.

`evidence_ms_per_report` is what refreshing the evidence adds to each report while trials end as
fast as reports can be stored: at most a tenth of the time beside it, and a summary at the end.
`coordinator_ms_per_report` is all else that the coordinator does, waits for the disk included,
measured by `benchmarks.service_load.coordinator` on a whole study of so many random search trials.
"""

import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpx

from app.dashboard.prepared import AFTER_SECONDS
from benchmarks.report import command_line, give
from benchmarks.service_load.coordinator import coordinator_load
from benchmarks.service_load.cpu_time import cpu_seconds
from benchmarks.service_load.study_of_trials import Kind, Study, stored_study
from service.sockets import listen
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate

ANSWERS: Final = {
    "recommendation": "/v1/studies/{}/recommendation?width=512",
    "page": "/studies/{}",
    "sensitivity": "/v1/studies/{}/sensitivity",
    "study": "/v1/studies/{}",
    "trials": "/v1/studies/{}/trials?state=complete&page_size=100",
}
REPORTS: Final = 300
LOOK_SECONDS: Final = 1.0
BUSY_SHARE: Final = 0.1
"""Of a core: an API that nobody asks takes less."""


@contextmanager
def api_process(url: str) -> Iterator[tuple[httpx.Client, int]]:
    """A client of the service's API over the database at `url`, and the API's process id.

    A process of its own: what a benchmark imports would slow down its garbage collections.
    """
    listening = listen("127.0.0.1", 0)
    descriptor = listening.fileno()
    command = [sys.executable, "-m", "service.api", "--socket", str(descriptor)]
    environment = os.environ | {"WIDTHWISE_DATABASE_URL": url}
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with subprocess.Popen(command, env=environment, pass_fds=[descriptor]) as process:
        try:
            with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
                yield client, process.pid
        finally:
            process.terminate()
            listening.close()


def await_prepared(client: httpx.Client, process_id: int) -> None:
    """Wait until the API has prepared its pages, which would count as an answer's own work."""
    client.get("/healthz").raise_for_status()  # it counts the seconds from when it serves
    time.sleep(AFTER_SECONDS)
    before = 0.0
    while (now := cpu_seconds(process_id)) - before > BUSY_SHARE * LOOK_SECONDS:
        before = now
        time.sleep(LOOK_SECONDS)


def answers(client: httpx.Client, process_id: int, study_id: str, repeats: int) -> dict[str, float]:
    """Milliseconds of every answer about a study: median, 99th percentile, the API's CPU time.

    The last survives a machine that is busy with something else.
    """
    row: dict[str, float] = {}
    for name, path in ANSWERS.items():
        url = path.format(study_id)
        client.get(url).raise_for_status()
        taken, computing = [], cpu_seconds(process_id)
        for _ in range(repeats):
            started = time.perf_counter()
            client.get(url).raise_for_status()
            taken.append(1e3 * (time.perf_counter() - started))
        computing = 1e3 * (cpu_seconds(process_id) - computing) / repeats
        row[f"{name}_p50_ms"] = round(statistics.median(taken), 2)
        row[f"{name}_p99_ms"] = round(statistics.quantiles(taken, n=100)[98], 2)
        row[f"{name}_cpu_ms"] = round(computing, 2)
    return row


def evidence_cost(database: Database, study: Study) -> dict[str, float]:
    """The cost of refreshing the evidence while the last trials of a study end, one a report."""
    refresh = EvidenceRefresh(database)
    refresh.turn()
    first = refresh.seconds_spent
    started, reporting = time.perf_counter(), 0.0
    for _ in range(REPORTS):
        before = time.perf_counter()
        study.end_a_trial()
        reporting += time.perf_counter() - before
        refresh.turn()
    whole = time.perf_counter() - started
    spent = refresh.seconds_spent - first
    after = EvidenceRefresh(database)
    after.turn()
    return {
        "summary_ms": round(1e3 * after.seconds_spent, 1),
        "report_ms": round(1e3 * reporting / REPORTS, 3),
        "evidence_ms_per_report": round(1e3 * spent / REPORTS, 3),
        "evidence_share": round(spent / whole, 4),
    }


def coordinator_cost(trials: int) -> dict[str, float]:
    """The coordinator's other costs for each report."""
    load = coordinator_load(trials, "random", "none")
    return {
        "coordinator_ms_per_report": load["milliseconds_per_report"],
        "coordinator_cpu_ms_per_report": load["cpu_milliseconds_per_report"],
    }


def measured(kind: Kind, trials: int, repeats: int) -> dict[str, Any]:
    """One row."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'studies.db'}"
        migrate(url)
        database = open_database(url)
        study = stored_study(database, kind, trials, REPORTS)
        cost = evidence_cost(database, study)
        study.complete()
        EvidenceRefresh(database).turn()
        with api_process(url) as (client, process_id):
            await_prepared(client, process_id)
            row = answers(client, process_id, study.id, repeats)
        database.close()
    return {"study": kind, "trials": trials, **row, **cost}


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The most trials over the fewest, of every percentile and cost of a measured study."""
    few, *_, many = [row for row in rows if row["study"] == "measured"]
    return {
        name: round(many[name] / few[name], 2)
        for name in few
        if name not in ("study", "trials") and few[name] and name in many
    }


def main() -> None:
    """Print a row for each kind of study and number of trials."""
    parser = command_line(__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--no-coordinator", action="store_true", help="leave whole studies out")
    given = parser.parse_args()
    rows = [
        measured(kind, trials, given.repeats)
        for kind in ("measured", "searching")
        for trials in given.trials
    ]
    if not given.no_coordinator:
        for row in rows[: len(given.trials)]:
            row |= coordinator_cost(row["trials"])
    result = {
        "rows": rows,
        "ratios": ratios(rows),
        "device": f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}, SQLite",
        "versions": {name: version(name) for name in ("fastapi", "sqlalchemy", "numpy")}
        | {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version},
        "command": " ".join(["python", "-m", "benchmarks.service_load.evidence", *sys.argv[1:]]),
    }
    give(result, given)


if __name__ == "__main__":
    main()
