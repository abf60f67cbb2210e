"""Measure what the coordinator spends on each report of an engine, by the number of trials.

    python -m benchmarks.service_load.coordinator --trials 1000 10000 --json

One study a row, searched, measured and completed on an engine whose losses come from a formula:
nothing trains, so what is left is the coordinator's own work, counted apart from the engine's.
`busy_seconds` and `milliseconds_per_report` are of the clock and contain the waits for the disk, of
which there are up to two commits for a report; `cpu_milliseconds_per_report` is computing alone.
"""

import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import optuna

from benchmarks.report import command_line, give
from benchmarks.service_load.responses import commit_milliseconds
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.reports import Report
from tuner.engine.slots import Slot
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study

Sampler = Literal["tpe", "random", "qmc", "grid"]
Pruner = Literal["median", "none"]
SLOTS: Final = 4
SEARCHES: tuple[tuple[Sampler, Pruner], ...] = (("random", "none"), ("tpe", "median"))
"""Without Optuna's own work, and with that of the default sampler and pruner, which look at every
earlier trial for each new one."""
T = TypeVar("T")


class TimedEngine(AnalyticEngine):
    """Counts its reports and the seconds spent inside it."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.seconds = 0.0
        self.reports = 0

    def slots(self) -> tuple[Slot, ...]:
        return self._timed(super().slots)

    def start(self, order: AnyOrder) -> None:
        self._timed(lambda: super(TimedEngine, self).start(order))

    def cancel(self, order_id: OrderId) -> None:
        self._timed(lambda: super(TimedEngine, self).cancel(order_id))

    def wait(self, timeout_seconds: float) -> list[Report]:
        reports = self._timed(lambda: super(TimedEngine, self).wait(timeout_seconds))
        self.reports += len(reports)
        return reports

    def _timed(self, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - started


def coordinator_load(trials: int, sampler: Sampler, pruner: Pruner) -> dict[str, Any]:
    """Run a study of so many search trials to its end; seconds and reports of its coordinator."""
    with tempfile.TemporaryDirectory() as folder:
        return _load(Path(folder), _spec(trials, sampler, pruner))


def _spec(trials: int, sampler: Sampler, pruner: Pruner) -> StudySpec:
    return StudySpec.model_validate(
        {
            "family": {"name": "gpt"},
            "target": {"width": 256},
            "search": {"trials": trials, "sampler": sampler, "pruner": pruner},
        }
    )


def _load(folder: Path, spec: StudySpec) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'studies.db'}"
    migrate(url)
    database, engine = open_database(url), TimedEngine(SLOTS)
    with database.write() as session:
        study_id = open_study(session, spec)[0].id
    memory, state = Memory(), ""
    busy, computing = 0.0, 0.0
    while state not in FINAL_STUDY_STATES:
        started, started_computing = time.perf_counter(), time.process_time()
        tick(database, engine, wait_seconds=0, memory=memory)
        busy += time.perf_counter() - started
        computing += time.process_time() - started_computing
        with database.read() as session:
            state = get_study(session, study_id).state
    database.close()
    if state != StudyState.COMPLETED:
        raise RuntimeError(f"the study ended as {state}")
    busy, computing = busy - engine.seconds, computing - engine.seconds
    return {
        "trials": spec.search.trials,
        "sampler": spec.search.sampler,
        "pruner": spec.search.pruner,
        "reports": engine.reports,
        "busy_seconds": round(busy, 2),
        "milliseconds_per_report": round(1e3 * busy / engine.reports, 3),
        "cpu_milliseconds_per_report": round(1e3 * computing / engine.reports, 3),
    }


def coordinator_rows(trials: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each number of trials and each of the searches above."""
    return [
        coordinator_load(number, sampler, pruner)
        for sampler, pruner in SEARCHES
        for number in trials
    ]


def main() -> None:
    """Print a row for each number of trials and each search, and what a bare commit takes."""
    parser = command_line(__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        commit = commit_milliseconds(Path(folder), 50)
    result = {
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "bare_sqlite_commit_milliseconds": commit,
        "coordinator": coordinator_rows(given.trials),
    }
    give(result, given)


if __name__ == "__main__":
    main()
