"""Measure a coordinator's cost with many queued studies and many slots, none of which trains.

The slots' time is simulated: each order's next report comes after as long as training would take,
and the coordinator's clock jumps to it. What the coordinator computes is real.
"""

import heapq
import itertools
import random
import statistics
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.scale.tables import empty
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.reconcile import Leader
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import Order, OrderId
from tuner.engine.reports import Report
from tuner.spec.study import StudySpec
from tuner.storage.studies import open_study

REPORT_SECONDS: Final = 10.0
"""Mean time that a slot takes for one report: from rung to rung of a small proxy on a GPU."""


class SimulatedEngine(AnalyticEngine):
    """Slots whose reports come in a time of their own."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._draw = random.Random(0)
        self._due: list[tuple[float, int, Report]] = []
        self._numbers = itertools.count()
        self._freed_at: list[float] = []
        self.now = 0.0
        """Seconds of simulated time."""
        self.reports = 0
        self.waited: list[float] = []
        """Seconds of real time that slots stood free, each from a report to the next order."""

    def clock(self) -> float:
        """For the coordinator."""
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
        until = self.now + timeout_seconds
        if not self._due or self._due[0][0] > until:
            self.now = until
            return []
        self.now, _, report = heapq.heappop(self._due)
        self.reports += 1
        if not any(one[2].order_id == report.order_id for one in self._due):
            super().cancel(report.order_id)  # its last: the slot is free
            self._freed_at.append(time.perf_counter())
        return [report]


class _Held:
    def renew(self) -> None:
        """Nobody else is there."""


def coordinator_cost(
    folder: Path, database_kind: str, studies: int, slots: int, reports: int
) -> dict[str, Any]:
    """Let a coordinator lead queued studies until so many reports have come, all slots busy first.

    Returns:
        `tuner_cpu_share_per_slot`, of a core, and `scheduling_ms`, the median of the clock.

    """
    with empty(folder, database_kind) as (_, database):
        with database.write() as session:
            for seed in range(studies):
                open_study(session, _spec(seed))
        engine = SimulatedEngine(slots)
        checkpoints = FileCheckpoints(folder / "checkpoints")
        leader = Leader(database, _Held(), engine, checkpoints, clock=engine.clock)
        while engine.reports < slots:
            leader.turn()
        engine.waited.clear()
        began, computing, first = engine.now, time.process_time(), engine.reports
        while engine.reports < first + reports:
            leader.turn()
        computing = time.process_time() - computing
    return {
        "tuner_cpu_share_per_slot": round(computing / (engine.now - began) / slots, 6),
        "scheduling_ms": round(1e3 * statistics.median(engine.waited), 2),
    }


def _spec(seed: int) -> StudySpec:
    return StudySpec.model_validate(
        {"family": {"name": "gpt"}, "target": {"width": 256}, "seed": seed, "packing": "solo"}
    )
