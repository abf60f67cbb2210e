"""Trial-steps a second: loops that train one trial at a time against the cohort engine.

`python -m benchmarks.cohort_throughput --device cpu --json`. On a CPU two pinned processes take
part, as two slots of the service do; on a GPU one. All ways of a workload take turns, so that
they meet the machine equally busy; figures are medians of the turns. `ratio` is the engine over
two eager processes (CPU) or over one (GPU) by the clock on the wall; `ratio_cpu_time` the same by
processor time, which other load on the machine distorts less.
"""

import argparse
import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from benchmarks.cohort_workloads import (
    QUICK,
    STEPS,
    WORKLOADS,
    Workload,
    eager_loop,
    flops,
    matmul_flops_per_second,
    trial,
)
from tuner.engine import Packing
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.probe import MOST_TOGETHER, SLOW_SECONDS, measured_packing, solo_seconds
from workers.process import available_cores, pin, settle_torch
from workers.trainer import take_step

METHOD: Final = {"two_processes": "eager"}
"""What a process does for a way that is not called so."""
CALL_STEPS: Final = 16  # of a cohort at a time: what it measured is read once
Step = tuple[int, Callable[[], object]]
"""(trial-steps that one call does, the call)."""


class Turn(NamedTuple):
    """What one process did in one turn."""

    trial_steps: int
    wall_seconds: float
    cpu_seconds: float


class Bench:
    """The ways of one workload in one process, made when they are first asked for."""

    def __init__(self, workload: Workload, device: str) -> None:
        self._workload, self._device = workload, device
        self._programs = Programs()
        self._steps: dict[str, Step] = {}

    def choose(self) -> Packing:
        """What the engine would do here with `STEPS` steps of a full cohort's trials."""
        most = MOST_TOGETHER[torch.device(self._device).type]

        def build() -> Any:  # noqa: ANN401
            return trial(self._workload, self._device)

        solo = solo_seconds(build())
        most = max(2, min(most, int(SLOW_SECONDS / solo)))
        return measured_packing(build, most, most * STEPS * solo, self._programs)

    def open(self, way: str, packing: Packing | None) -> float:
        """Make a way ready; the seconds that took, compiling included."""
        started = time.perf_counter()
        self._steps[way] = self._opened(way, packing)
        self._steps[way][1]()
        return time.perf_counter() - started

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

    def _opened(self, way: str, packing: Packing | None) -> Step:
        if way != "engine":
            mode = {"eager": None, "compiled": "default", "compiled_graph": "reduce-overhead"}[way]
            return 1, eager_loop(trial(self._workload, self._device), mode)
        assert packing is not None
        if packing.way == "solo":
            lone = trial(self._workload, self._device)
            return 1, lambda: take_step(lone)
        members = [trial(self._workload, self._device, n) for n in range(packing.most)]
        cohort = Cohort(members, self._programs, compiled=packing.way == "compiled")
        return CALL_STEPS * packing.most, lambda: cohort.advance(CALL_STEPS)


def serve(connection: "Connection[Any, Any]", core: int | None, device: str) -> None:
    """Answer (workload, method, arguments) until None comes."""
    pin(core)
    settle_torch()
    benches: dict[str, Bench] = {}
    while (message := connection.recv()) is not None:
        name, method, arguments = message
        if name not in benches:
            benches = {name: Bench(WORKLOADS[name], device)}  # the one before is over
        connection.send(getattr(benches[name], method)(*arguments))


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
            self._processes.append(process)
            self._connections.append(ours)

    def ask(self, name: str, method: str, *arguments: object, all_of_them: bool) -> list[Any]:
        """Answers of the first process, or of all, which work at the same time."""
        asked = self._connections if all_of_them else self._connections[:1]
        for connection in asked:
            connection.send((name, method, arguments))
        return [connection.recv() for connection in asked]

    def close(self) -> None:
        """End them."""
        for connection, process in zip(self._connections, self._processes, strict=True):
            connection.send(None)
            process.join()


def measure_workload(
    processes: Processes, name: str, ways: dict[str, bool], rounds: int, seconds: float
) -> dict[str, Any]:
    """One row.

    Args:
        ways: by name, whether all processes take part.

    """
    (packing,) = processes.ask(name, "choose", all_of_them=False)
    opened = {
        way: processes.ask(name, "open", METHOD.get(way, way), packing, all_of_them=both)[0]
        for way, both in ways.items()
    }
    turns: dict[str, list[list[Turn]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, both in ways.items():
            method = METHOD.get(way, way)
            turns[way].append(processes.ask(name, "run", method, seconds, all_of_them=both))
    wall = {way: _rate(taken, lambda turn: turn.wall_seconds) for way, taken in turns.items()}
    cpu = {way: _rate(taken, lambda turn: turn.cpu_seconds) for way, taken in turns.items()}
    rival = "two_processes" if "two_processes" in ways else "eager"
    compiled = [wall[way] for way in ("compiled", "compiled_graph") if way in wall]
    return {
        "workload": name,
        "optimizer": "adamw",
        "steps_per_second": {way: round(rate, 1) for way, rate in wall.items()},
        "ratio": round(wall["engine"] / wall[rival], 2),
        "ratio_cpu_time": round(cpu["engine"] / cpu[rival], 2),
        "ratio_compiled": round(wall["engine"] / max(compiled), 2) if compiled else None,
        "flops_per_second": flops(WORKLOADS[name]) * wall["engine"],
        "compile_seconds": {
            way: round(taken, 1) for way, taken in opened.items() if way.startswith("compiled")
        }
        | {"engine": round(opened["engine"], 1)},
        "choice": packing.words,
    }


def _rate(turns: list[list[Turn]], seconds: Callable[[Turn], float]) -> float:
    """Trial-steps a second of all processes together, the median turn."""
    return statistics.median(
        sum(turn.trial_steps / seconds(turn) for turn in together) for together in turns
    )


def cpu_name() -> str:
    """The processor's model, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return ", ".join(sorted(names))


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--quick", action="store_true", help="three workloads, nothing compiled")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="these workloads")
    parser.add_argument("--no-compile", action="store_true", help="leave compiled loops out")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments), indent=None if arguments.json else 2))


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All rows, with what they were measured on."""
    device = arguments.device
    names = arguments.only or (QUICK if arguments.quick else tuple(WORKLOADS))
    ways = {"eager": False} | ({"two_processes": True} if device == "cpu" else {})
    if not (arguments.quick or arguments.no_compile):
        ways |= {"compiled": False} | ({"compiled_graph": False} if device == "cuda" else {})
    ways["engine"] = True
    rounds, seconds = (5, 0.3) if arguments.quick else (7, 2.0)
    processes = Processes(device)
    try:
        rows = []
        for name in names:
            rows.append(measure_workload(processes, name, ways, rounds, seconds))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    finally:
        processes.close()
    peak = matmul_flops_per_second(device) * (2 if device == "cpu" else 1)
    for row in rows:
        row["peak_share"] = round(row.pop("flops_per_second") / peak, 3)
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        "machine": f"{platform.system()} {platform.machine()}, {len(available_cores())} cores",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "matmul_flops_per_second": round(peak),
        "rows": rows,
    }


if __name__ == "__main__":
    main()
