"""Engines that the contract suite is run against, each with what the suite has to do to it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.tuner.analytic_engine import AnalyticEngine
from tests.workers.engines.worker_processes import worker_pids
from tuner.engine.orders import OrderId
from tuner.engine.protocol import Engine
from workers.engines.local import LocalEngine


@dataclass(frozen=True)
class EngineUnderTest:
    """An engine with two slots.

    Attributes:
        engine: open and idle.
        kill: end the process that runs an order, as the machine would that runs out of memory.
        processes: ids of the engine's processes on this machine.

    """

    engine: Engine
    kill: Callable[[OrderId], None]
    processes: Callable[[], list[int]]


Opened: TypeAlias = Callable[[Path], AbstractContextManager[EngineUnderTest]]


@contextmanager
def local(folder: Path) -> Iterator[EngineUnderTest]:
    """Two worker processes of this machine."""
    engine = LocalEngine(2, folder)

    def kill(order_id: OrderId) -> None:
        (name,) = [slot.name for slot in engine.slots() if slot.busy_with == order_id]
        os.kill(worker_pids(folder)[name], signal.SIGKILL)

    yield EngineUnderTest(engine, kill, lambda: list(worker_pids(folder).values()))
    engine.close()


@contextmanager
def analytic(_: Path) -> Iterator[EngineUnderTest]:
    """The engine of the tuner's tests: were it easier than real ones, they would prove little."""
    engine = AnalyticEngine(slots=2)
    yield EngineUnderTest(engine, engine.kill, list)
    engine.close()
