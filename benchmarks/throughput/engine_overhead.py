"""Measure the service's cost beside training: all but the steps, as a share of trials' time.

    python -m benchmarks.throughput.engine_overhead --json [--quick]

A real study of the MLP of width 64 (batch 128, trials of 2,000 steps; 400 with `--quick`, whose
share is five times as large) runs through the real coordinator's turns, which remember what was
read and delete old checkpoints as they do in service, and its SQLite database; the engine hands
orders and reports through JSON to the worker's own code in this process, so that all of it is in
one processor time. `share` is that time without the training steps, over all of it; left out of
both is what comes once a study: its submission, checks and probes, and at the end the decision to
measure, which asks for trials that are not trained here.
"""

import gc
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import optuna
import structlog
import torch
from pydantic import TypeAdapter

from benchmarks.report import command_line, give
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import AnyOrder, Order, OrderId, TrainOrder
from tuner.engine.reports import Report
from tuner.engine.slots import Slot
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.spec.study import StudySpec
from tuner.spec.submitted import STORED
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study
from tuner.storage.trials.rows import trials_of
from workers.cohort.cohort import Cohort
from workers.packing import train_together as packing_of_trials
from workers.slot.orders import OpenCohort, carry_out
from workers.slot.process import settle_torch
from workers.training import trainer

STEPS: Final = 2_000
QUICK_STEPS: Final = 400
TRIALS: Final = 16
BATCH: Final = 8
ONCE: Final = "once a study"
_ORDERS: Final[TypeAdapter[AnyOrder]] = TypeAdapter(Order)
_REPORTS: Final[TypeAdapter[Any]] = TypeAdapter(Report)


class Clock:
    """Processor seconds of this process, by what they went into; what is inside counts once.

    It looks twice a segment of a trial, not twice a step: looking takes longer than a step's
    overhead.
    """

    def __init__(self) -> None:
        kinds = ("steps", "recording", "validation", "trials", "set-up", ONCE)
        self.seconds = dict.fromkeys(kinds, 0.0)
        self._open: list[str] = []
        self._last = time.process_time()

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, whose time counts as `name`'s."""

        def noting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the work's own
            with self.counting(name):
                return work(*arguments, **options)

        return noting

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count what is done inside as `name`'s; a probe's steps are the probe's."""
        self._note()
        self._open.append(name if ONCE not in self._open else ONCE)
        try:
            yield
        finally:
            self._note()
            self._open.pop()

    def _note(self) -> None:
        now = time.process_time()
        if self._open:
            self.seconds[self._open[-1]] += now - self._last
        self._last = now


class InProcessEngine:
    """One slot, here: an order is carried out when its reports are waited for."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self.checkpoints = FileCheckpoints(folder)
        self._cohort, self._waiting = OpenCohort(), list[str]()
        self._busy_with: OrderId | None = None
        self.has_trained = False

    def slots(self) -> tuple[Slot, ...]:
        """The slot."""
        return (Slot(name="here", device="cpu", device_kind="cpu", busy_with=self._busy_with),)

    def start(self, order: AnyOrder) -> None:
        """Take the order, as JSON."""
        self._busy_with = order.id
        self._waiting.append(order.model_dump_json())

    def cancel(self, order_id: OrderId) -> None:
        """Nothing here runs by itself."""

    def wait(self, timeout_seconds: float) -> list[Any]:
        """All reports of the order."""
        if not self._waiting:
            return []
        order = _ORDERS.validate_json(self._waiting.pop(), context=STORED)  # as a worker does
        self._busy_with = None
        self.has_trained |= isinstance(order, TrainOrder)
        with self._clock.counting("trials" if isinstance(order, TrainOrder) else ONCE):
            return self._reports(order)

    def close(self) -> None:
        """There is no process to end."""

    def _reports(self, order: AnyOrder) -> list[Any]:
        reports = carry_out(order, self._cohort, self._folder)
        return [_REPORTS.validate_json(report.model_dump_json()) for report in reports]


def study_of(packing: str, steps: int) -> StudySpec:
    """Two batches of trials: the second is proposed, and some of it pruned, as the clock runs."""
    return StudySpec.model_validate(
        {
            "family": {"name": "mlp"},
            "target": {"width": 256},
            "proxy_width": 64,
            "check": {"widths": [16, 32, 64]},
            "training": {"steps": steps, "batch_size": 128},
            "search": {"trials": TRIALS, "batch_size": BATCH},
            "packing": packing,
        }
    )


def measure(packing: str, steps: int) -> dict[str, Any]:
    """One study, from its submission to its last search trial."""
    clock = Clock()
    places: list[tuple[Any, str, str]] = [
        (packing_of_trials, "train_to", "steps"),
        (Cohort, "advance", "steps"),
        (Cohort, "_look", "recording"),
        (trainer, "validation_loss", "validation"),
    ]
    plain = [(place, name, getattr(place, name)) for place, name, _ in places]
    with tempfile.TemporaryDirectory() as folder:
        database = _database(Path(folder))
        try:
            for place, name, what in places:
                setattr(place, name, clock.timed(what, getattr(place, name)))
            started = time.process_time()
            engine = InProcessEngine(Path(folder), clock)
            _run(database, study_of(packing, steps), engine, clock)
            total = time.process_time() - started - clock.seconds[ONCE] - clock.seconds["set-up"]
        finally:
            for place, name, work in plain:
                setattr(place, name, work)
            database.close()
    return {
        "packing": packing,
        "seconds": round(total, 2),
        "steps": round(clock.seconds["steps"], 2),
        "recording": round(clock.seconds["recording"], 2),
        "validation": round(clock.seconds["validation"], 2),
        "share": round(1 - clock.seconds["steps"] / total, 4),
    }


def _database(folder: Path) -> Database:
    url = sqlite_url(folder / "overhead.db")
    migrate(url)
    return open_database(url)


def _run(database: Database, spec: StudySpec, engine: InProcessEngine, clock: Clock) -> None:
    with clock.counting(ONCE), database.write() as session:
        study, _ = open_study(session, spec)
    memory, checkpoints = Memory(), engine.checkpoints  # as a coordinator that leads has them
    ended = 0
    while ended < TRIALS:
        with nullcontext() if engine.has_trained else clock.counting("set-up"):
            tick(database, engine, wait_seconds=0, memory=memory, checkpoints=checkpoints)
        with clock.counting("set-up"):  # nobody asks where no benchmark has to know when to stop
            ended = _ended(database, study.id)


def _ended(database: Database, study_id: str) -> int:
    with database.read() as session:
        state = get_study(session, study_id).state
        assert state not in FINAL_STUDY_STATES, f"the study is {state}"
        trials = trials_of(session, study_id)
    return sum(trial.is_final for trial in trials)


def main() -> None:
    """Print the shares."""
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"trials of {QUICK_STEPS} steps")
    arguments = parser.parse_args()
    steps = QUICK_STEPS if arguments.quick else STEPS
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    settle_torch()
    torch.optim.SGD([torch.zeros(1)], lr=0.0)  # loads torch's compiler, as a worker's start does
    gc.freeze()
    studies = [measure(packing, steps) for packing in ("solo", "measured")]
    give({"trials": TRIALS, "steps": steps, "studies": studies}, arguments)


if __name__ == "__main__":
    main()
