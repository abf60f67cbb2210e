"""Real Ray clusters of several nodes on this machine, and the engine on one of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.service.processes import descendants_of, is_running, kill
from tests.workers.engines.engines_under_test import EngineUnderTest
from tests.workers.engines.worker_processes import pids_by_slot, wait_for_death
from tuner.engine.orders import OrderId
from workers.engines.ray_engine import RayEngine
from workers.engines.ray_nodes import LocalCluster


@contextmanager
def ray_nodes(
    nodes: int, cores: int, port: int | None = None, kinds: Sequence[str] = ()
) -> Iterator[LocalCluster]:
    """A cluster in a process of its own, so that nothing of Ray's start stays in the test's."""
    arguments = [f"--nodes={nodes}", f"--cores={cores}", *([f"--port={port}"] if port else [])]
    arguments += ["--kinds", *kinds] if kinds else []
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.engines.ray_nodes", *arguments],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    family: list[int] = []
    try:
        cluster = json.loads(process.stdout.readline())
        family = descendants_of(process.pid)
        yield LocalCluster(**cluster)
    finally:
        family += descendants_of(process.pid)
        process.stdin.close()
        process.wait()
        process.stdout.close()
        for pid in filter(is_running, family):  # of a head that was killed, Ray leaves some behind
            kill(pid)
            wait_for_death(pid)


@contextmanager
def ray_engine(folder: Path) -> Iterator[EngineUnderTest]:
    """Two actors on the cluster that this process has joined, each on a node of its own."""
    engine = RayEngine(folder, slots=2)

    def kill(order_id: OrderId) -> None:
        (name,) = [slot.name for slot in engine.slots() if slot.busy_with == order_id]
        os.kill(actor_of(pids_by_slot(folder)[name]), signal.SIGKILL)

    def processes() -> list[int]:
        return list(pids_by_slot(folder).values())

    try:
        yield EngineUnderTest(engine, kill, processes)
    finally:
        engine.close()


def actor_of(worker: int) -> int:
    """Process id of the actor that started a worker."""
    stat = Path(f"/proc/{worker}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])
