"""Measure the API under load, over SQLite and over PostgreSQL, with 10,000 trials stored.

    python -m benchmarks.api_load --json

One row for each operation, database and load: closed loops of 1, 16 and 64 clients, of which each
sends its next request once the last one is answered, and an open loop of 200 requests a second over
64 connections, whether or not the service keeps up. The API is a process of its own with its usual
durability, and so are the clients. `errors` are answers of 400 or more, and broken connections.

`bare` is an application that does nothing, on the same server and machine: what the others of the
same run can be compared with on another machine.
"""

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.api_load.clients import Load
from benchmarks.external_load import DATABASES
from benchmarks.report import command_line, give
from benchmarks.service_load.evidence import api_process
from benchmarks.service_load.responses import bare, served
from benchmarks.service_load.study_of_trials import stored_study
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

TRIALS: Final = 10_000
CLOSED_CLIENTS: Final = (1, 16, 64)
OPEN_CLIENTS: Final = 64
OPEN_PER_SECOND: Final = 200.0
_SPEC: Final = json.dumps({"family": {"name": "mlp"}, "target": {"width": 512}, "name": "load {n}"})
OPERATIONS: Final = {
    "healthz": ("GET", "/healthz", ""),
    "read_study": ("GET", "/v1/studies/STUDY", ""),
    "list_studies": ("GET", "/v1/studies?page_size=50", ""),
    "list_trials": ("GET", "/v1/studies/STUDY/trials?state=complete&page_size=100", ""),
    "sensitivity": ("GET", "/v1/studies/STUDY/sensitivity", ""),
    "recommendation": ("GET", "/v1/studies/STUDY/recommendation?width=512", ""),
    "store_recommendation": ("POST", "/v1/studies/STUDY/recommendations", '{"width": 512}'),
    "preview_study": ("POST", "/v1/studies:preview", _SPEC),
    "edit_study": ("PATCH", "/v1/studies/STUDY", '{"labels": {"load": "{n}"}}'),
    "create_study": ("POST", "/v1/studies", _SPEC),
}
"""Method, path and body; creation comes last, so that the others list the same studies."""


def plan(study: str, seconds: float) -> list[Load]:
    """Every row of a database."""
    loads = [("closed", clients) for clients in CLOSED_CLIENTS] + [("open", OPEN_CLIENTS)]
    return [
        Load(
            operation=name,
            method=method,
            path=path.replace("STUDY", study),
            body=body,
            load="open" if load == "open" else "closed",
            clients=clients,
            seconds=seconds,
            per_second=OPEN_PER_SECOND,
        )
        for name, (method, path, body) in OPERATIONS.items()
        for load, clients in loads
    ]


def measured(address: str, loads: list[Load]) -> list[dict[str, Any]]:
    """Rows, by clients in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.api_load.clients", address, json.dumps(loads)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    rows: list[dict[str, Any]] = json.loads(printed)
    return rows


@contextmanager
def started(name: str) -> Iterator[tuple[str, httpx.Client]]:
    """The URL of an empty database, and a client of the API over it, which begins to start."""
    with (
        tempfile.TemporaryDirectory() as parent,
        DATABASES[name](Path(parent)) as url,
    ):
        migrate(url)
        with api_process(url) as (client, _):
            yield url, client


def filled(url: str, trials: int) -> str:
    """Store a completed study of so many trials; its id."""
    database = open_database(url)
    study = stored_study(database, "measured", trials, running=1)
    study.complete()
    EvidenceRefresh(database).turn()
    database.close()
    return study.id


def of_databases(names: Sequence[str], trials: int, seconds: float) -> list[dict[str, Any]]:
    """Every row of every database; the services start up while the trials are stored in all."""
    with ExitStack() as stack:
        services = {name: stack.enter_context(started(name)) for name in names}
        with ProcessPoolExecutor(len(names), mp_context=get_context("fork")) as stores:
            urls = [url for url, _ in services.values()]
            studies = dict(zip(names, stores.map(filled, urls, repeat(trials)), strict=True))
        for _, client in services.values():
            _wait_for(client)
        return [
            {"database": name, **row}
            for name, (_, client) in services.items()
            for row in measured(str(client.base_url), plan(studies[name], seconds))
        ]


def of_nothing(seconds: float) -> list[dict[str, Any]]:
    """The same loads of an application that does nothing."""
    with served(bare) as client:
        first = next(iter(OPERATIONS))
        loads = [load for load in plan("", seconds) if load.operation == first]
        rows = measured(str(client.base_url), loads)
    return [row | {"operation": "bare"} for row in rows]


def _wait_for(client: httpx.Client) -> None:
    """Its socket listens before it answers: the first answer says that it does."""
    client.get("/healthz").raise_for_status()


def main() -> None:
    """Print the rows."""
    parser = command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="0.25 s a row instead of 5")
    parser.add_argument("--seconds", type=float, help="measured in each row; default: 5")
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"stored; default: {TRIALS}")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    given = parser.parse_args()
    seconds = given.seconds or (0.25 if given.quick else 5.0)
    rows = of_databases(given.databases, given.trials, seconds)
    libraries = {name: version(name) for name in ("uvicorn", "fastapi", "sqlalchemy", "psycopg")}
    result = {
        "rows": rows,
        "bare": of_nothing(seconds),
        "trials": given.trials,
        "device": f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}",
        "versions": libraries | {"sqlite": sqlite3.sqlite_version},
    }
    give(result, given)


if __name__ == "__main__":
    main()
