"""The ways of training that the cohort benchmark compares, in processes of their own."""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final, NamedTuple

import torch

from benchmarks.throughput.workloads import STEPS, WORKLOADS, eager_loop, trial
from tuner.engine.packing import Packing
from workers.cohort.cohort import BLOCK_STEPS, Cohort
from workers.cohort.graphs import WARM_UP_STEPS
from workers.cohort.programs import Programs
from workers.packing.probe import MOST_TOGETHER, SLOW_SECONDS, measured_packing, solo_seconds
from workers.slot.process import available_cores, pin, settle_torch
from workers.training.trainer import take_step
from workers.training.trial import RunningTrial

METHOD: Final = {"two_processes": "eager"}
"""The method of each process, for a way of another name."""
_MODES: Final = {"eager": None, "compiled": "default", "compiled_graph": "reduce-overhead"}
Step = tuple[int, Callable[[], object]]
"""(trial-steps that one call does, the call)."""


class Turn(NamedTuple):
    """The result of one process in one turn."""

    trial_steps: int
    wall_seconds: float
    cpu_seconds: float


class Bench:
    """The ways of one row in one process, made when they are first asked for."""

    def __init__(self, workload: str, optimizer: str, device: str) -> None:
        self._workload, self._optimizer = WORKLOADS[workload], optimizer
        self._device = device
        self._programs = Programs()
        self._steps: dict[str, Step] = {}

    def choose(self) -> Packing:
        """The engine's choice here for `STEPS` steps of a full cohort's trials."""
        most = MOST_TOGETHER[torch.device(self._device).type]
        solo = solo_seconds(self._trial())
        most = max(2, min(most, int(SLOW_SECONDS / solo)))
        return measured_packing(self._trial, most, most * STEPS * solo, self._programs)

    def open(self, way: str, packing: Packing, most_seconds: float) -> float | None:
        """Make a way ready; the seconds its first call took, compiling included.

        None where it cannot run here, or not within so many seconds: compilers are not to be relied
        on.
        """
        compiles = way.startswith("compiled")
        started = time.perf_counter()
        try:
            with interrupted_after(most_seconds) if compiles else nullcontext():
                self._steps[way] = self._opened(way, packing)
                self._steps[way][1]()
        except Exception:
            if not compiles:
                raise
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            torch.compiler.reset()
            return None
        return round(time.perf_counter() - started, 1)

    def run(self, way: str, seconds: float) -> Turn:
        """Take steps for so long."""
        trials, step = self._steps[way]
        calls, wall, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - wall < seconds:
            step()
            calls += 1
        if self._device != "cpu":
            torch.cuda.synchronize()
        return Turn(calls * trials, time.perf_counter() - wall, time.process_time() - cpu)

    def _opened(self, way: str, packing: Packing) -> Step:
        if way != "engine":
            return 1, eager_loop(self._trial(), _MODES[way])
        if packing.way == "solo":
            lone = self._trial()
            return 1, lambda: take_step(lone)
        members = [self._trial(number) for number in range(packing.most)]
        cohort = Cohort(members, self._programs, compiled=packing.way == "compiled")
        # As many as a turn has room for, up to what the engine reads at once.
        steps = max(1, min(BLOCK_STEPS, int(0.2 / self._seconds_of_a_step(cohort))))
        return steps * packing.most, lambda: cohort.advance(steps)

    def _seconds_of_a_step(self, cohort: Cohort) -> float:
        cohort.advance(WARM_UP_STEPS + 1)  # traces, and records a GPU's graph
        started = time.perf_counter()
        cohort.advance(1)
        return time.perf_counter() - started

    def _trial(self, number: int = 0) -> RunningTrial:
        return trial(self._workload, self._device, self._optimizer, number)


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside, each second anew: compilers catch some of what they meet."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not compiled after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def serve(connection: "Connection[Any, Any]", core: int | None, device: str) -> None:
    """Answer (row, method, arguments) until None comes."""
    pin(core)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # as in a slot's worker
    settle_torch()
    benches: dict[tuple[str, str], Bench] = {}
    with TemporaryDirectory() as cache:  # a warm one would hide what compiling takes
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        while (message := connection.recv()) is not None:
            row, method, arguments = message
            if row not in benches:
                benches = {row: Bench(row[0], row[1], device)}  # the one before is over
                torch.compiler.reset()
            connection.send(getattr(benches[row], method)(*arguments))


class Processes:
    """The benchmark's own processes, one a slot."""

    def __init__(self, device: str) -> None:
        cores = available_cores()[:2] if device == "cpu" else (None,)
        context = multiprocessing.get_context("spawn")
        self._processes, self._connections = [], []
        for core in cores:
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, core, device), daemon=True)
            process.start()
            theirs.close()  # so that the end of a process is the end of its pipe
            self._processes.append(process)
            self._connections.append(ours)

    def ask(
        self, row: tuple[str, str], method: str, *arguments: object, all_of_them: bool
    ) -> list[Any]:
        """Answers of the first process, or of all, which work at the same time.

        Raises:
            EOFError: if one has died, of an error that it has printed.

        """
        asked = self._connections if all_of_them else self._connections[:1]
        for connection in asked:
            connection.send((row, method, arguments))
        return [connection.recv() for connection in asked]

    def close(self) -> None:
        """End them."""
        for connection, process in zip(self._connections, self._processes, strict=True):
            if process.is_alive():
                connection.send(None)
            process.join()
