"""Measure a coordinator's cost with many queued studies and many slots, none of which trains.

The slots' time is simulated: each order's next report comes after as long as training would take,
and the clock of slots and coordinator jumps to it. What the coordinator computes is real, and its
CPU time passes on that clock too: reports that come meanwhile are given to it together.
"""

import heapq
import itertools
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.scale.tables import empty, queue_studies
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.reconcile import Leader
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import Order, OrderId
from tuner.engine.reports import Done, Report
from tuner.storage.sql.database import Database

REPORT_SECONDS: Final = 10.0
"""Mean time that a slot takes for one report: from rung to rung of a small proxy on a GPU."""


class SimulatedEngine(AnalyticEngine):
    """Slots whose reports come in a time of their own.

    Args:
        slots: how many orders run at once.
        computing: seconds that the coordinator has computed for.

    """

    def __init__(self, slots: int, computing: Callable[[], float] = time.process_time) -> None:
        super().__init__(slots)
        self._computing = computing
        self._draw = random.Random(0)
        self._due: list[tuple[float, int, Report]] = []
        self._numbers = itertools.count()
        self._freed_at: list[float] = []
        self._jumped = -computing()
        self.reports = 0
        self.waited: list[float] = []
        """Seconds of real time that slots stood free, each from a report to the next order."""

    @property
    def now(self) -> float:
        """Seconds of simulated time."""
        return self._jumped + self._computing()

    def clock(self) -> float:
        """The simulated time, as the coordinator reads it."""
        return self.now

    def start(self, order: Order) -> None:
        super().start(order)
        if self._freed_at:
            self.waited.append(time.perf_counter() - self._freed_at.pop())
        due = self.now
        for report in self._reports(order):
            due += self._draw.uniform(0.5, 1.5) * REPORT_SECONDS
            heapq.heappush(self._due, (due, next(self._numbers), report))

    def cancel(self, order_id: OrderId) -> None:
        super().cancel(order_id)
        self._due = [one for one in self._due if one[2].order_id != order_id]
        heapq.heapify(self._due)

    def wait(self, timeout_seconds: float) -> list[Report]:
        """Go to the moment of the next report, or as far as the timeout."""
        ahead = self._due[0][0] - self.now if self._due else timeout_seconds
        self._jumped += max(0.0, min(ahead, timeout_seconds))
        now, reports = self.now, list[Report]()
        while self._due and self._due[0][0] <= now:
            _, _, report = heapq.heappop(self._due)
            reports.append(report)
            if isinstance(report, Done):
                super().cancel(report.order_id)  # its last: the slot is free
                self._freed_at.append(time.perf_counter())
        self.reports += len(reports)
        return reports


class _Held:
    def renew(self) -> None:
        """Nobody else is there."""


def coordinator_cost(
    folder: Path, database_kind: str, studies: int, slots: int, reports: int
) -> dict[str, Any]:
    """The cost of a coordinator of queued studies in a database of their own; see `cost_over`."""
    with empty(folder, database_kind) as (_, database):
        queue_studies(database, studies)
        return cost_over(database, folder, slots, reports)


def cost_over(database: Database, folder: Path, slots: int, reports: int) -> dict[str, Any]:
    """Let a coordinator lead queued studies until so many reports have come, all slots busy first.

    Args:
        database: with the studies, whatever else is in it.
        folder: for checkpoints.

    Returns:
        `tuner_cpu_share_per_slot`, of a core, `cpu_milliseconds_per_report`, and `scheduling_ms`,
        the median of the clock.

    """
    engine = SimulatedEngine(slots)
    checkpoints = FileCheckpoints(folder / "checkpoints")
    leader = Leader(database, _Held(), engine, checkpoints, clock=engine.clock)
    while engine.reports < slots:
        leader.turn()
    engine.waited.clear()
    began, computing, first = engine.now, time.process_time(), engine.reports
    while engine.reports < first + reports:
        leader.turn()
    computing, passed = time.process_time() - computing, engine.now - began
    reports = engine.reports - first
    return {
        "tuner_cpu_share_per_slot": round(computing / passed / slots, 6),
        "cpu_milliseconds_per_report": round(1e3 * computing / reports, 3),
        "scheduling_ms": round(1e3 * statistics.median(engine.waited), 2),
    }
