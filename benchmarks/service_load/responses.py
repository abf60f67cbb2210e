"""Measure the service around the training: start, answers, and the coordinator's own cost.

    python -m benchmarks.service_load.responses --json

Prints milliseconds of each, and ratios against a bare uvicorn application and a bare SQLite
commit measured in the same run, which is what survives a change of machine.
"""

import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from app.main import create_app
from app.settings import AppSettings
from benchmarks.report import command_line, give
from service.sockets import listen
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

SPEC = {"family": {"name": "gpt"}, "target": {"width": 1024}}


def milliseconds(action: Callable[[], object], repeats: int) -> float:
    """Median over repeats, after one warm-up."""
    action()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        taken.append(1e3 * (time.perf_counter() - started))
    return round(statistics.median(taken), 3)


@contextmanager
def served(application: Any) -> Iterator[httpx.Client]:  # noqa: ANN401  any ASGI application
    """A client of the application, served by uvicorn on a free loopback port."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
    """The least an ASGI application can do."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


def import_seconds(module: str) -> float:
    """Wall seconds of a fresh interpreter that imports one module; median of three."""
    command = [sys.executable, "-c", f"import {module}"]
    return milliseconds(lambda: subprocess.run(command, check=True), 3) / 1e3


def commit_milliseconds(folder: Path, repeats: int) -> float:
    """One durable single-row commit of bare SQLite on the same disk."""
    with closing(sqlite3.connect(folder / "bare.db")) as database:
        database.executescript("pragma journal_mode=wal; create table t (x)")

        def insert() -> None:
            with database:
                database.execute("insert into t values (1)")

        return milliseconds(insert, repeats)


def measure(repeats: int) -> dict[str, Any]:
    """Everything, in milliseconds and ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = sqlite_url(folder / "bench.db")
        migrate(url)
        database = open_database(url)
        with served(bare) as client:
            baseline = milliseconds(lambda: client.get("/"), repeats)
        commit = commit_milliseconds(folder, repeats)
        with served(create_app(database, AppSettings())) as client:
            study = client.post("/v1/studies", json=SPEC).raise_for_status().json()
            answers = {
                "healthz": milliseconds(lambda: client.get("/healthz"), repeats),
                "read_study": milliseconds(
                    lambda: client.get(f"/v1/studies/{study['id']}"), repeats
                ),
                "list_studies": milliseconds(lambda: client.get("/v1/studies"), repeats),
                "submit_study": milliseconds(
                    lambda: client.post("/v1/studies", json=SPEC).raise_for_status(), repeats
                ),
            }
        database.close()
    return {
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "api_import_seconds": import_seconds("service.api"),
        "baseline_milliseconds": {"bare_uvicorn_answer": baseline, "bare_sqlite_commit": commit},
        "answer_milliseconds": answers,
        "ratio_to_bare_answer": {name: round(ms / baseline, 2) for name, ms in answers.items()},
    }


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="20 repeats instead of 200")
    arguments = parser.parse_args()
    give(measure(20 if arguments.quick else 200), arguments)


if __name__ == "__main__":
    main()
