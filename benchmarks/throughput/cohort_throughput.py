"""Trial-steps a second: loops that train one trial at a time against the cohort engine.

    python -m benchmarks.throughput.cohort_throughput --device cpu --json

On a CPU two pinned processes take
part, as two slots of the service do, in every way but `eager`; on a GPU one. All ways of a row take
turns, so that they meet the machine equally busy; figures are medians of the turns. `ratio` is the
engine over two eager processes (CPU) or over one (GPU), `ratio_compiled` over the better compiled
loop, `compile_seconds` what the engine's first step took and `loop_compile_seconds` that of the
compiled loops. A loop that is not compiled within `most_compile_seconds` is left out, as null. The
same ratios by processor time, which other load on the machine distorts less, go to stderr.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from benchmarks.report import command_line, give
from benchmarks.throughput.ways import METHOD, Processes, Turn
from benchmarks.throughput.workloads import (
    QUICK,
    ROWS,
    WORKLOADS,
    flops,
    matmul_flops_per_second,
)
from workers.slot.process import available_cores, settle_torch

WAYS: Final = ("eager", "two_processes", "compiled", "compiled_graph", "engine")
COMPILED: Final = ("compiled", "compiled_graph")
Row = tuple[str, str]
"""(workload, optimizer)."""


class TurnLengths(NamedTuple):
    """The limits of time of one row."""

    rounds: int
    seconds: float
    """Of one turn."""
    most_compile_seconds: float


def measure_row(
    processes: Processes, row: Row, ways: dict[str, bool], turns_of: TurnLengths
) -> dict[str, Any]:
    """One row.

    Args:
        ways: by name, whether all processes take part.

    """
    (packing,) = processes.ask(row, "choose", all_of_them=False)
    opened = {}
    for way, both in ways.items():
        method = METHOD.get(way, way)
        (*answers,) = processes.ask(
            row, "open", method, packing, turns_of.most_compile_seconds, all_of_them=both
        )
        opened[way] = None if None in answers else max(answers)
    able = {way: both for way, both in ways.items() if opened[way] is not None}
    turns: dict[str, list[list[Turn]]] = {way: [] for way in able}
    for _ in range(turns_of.rounds):
        for way, both in able.items():
            method = METHOD.get(way, way)
            turns[way].append(processes.ask(row, "run", method, turns_of.seconds, all_of_them=both))
    wall = {way: _rate(taken, lambda turn: turn.wall_seconds) for way, taken in turns.items()}
    cpu = {way: _rate(taken, lambda turn: turn.cpu_seconds) for way, taken in turns.items()}
    rival = "two_processes" if "two_processes" in ways else "eager"
    compiled = [wall[way] for way in COMPILED if way in wall]
    say(f"  opened in {opened}; by processor time {cpu['engine'] / cpu[rival]:.2f}x {rival}")
    return {
        "workload": row[0],
        "optimizer": row[1],
        "steps_per_second": {way: round(wall[way], 1) if way in wall else None for way in WAYS},
        "ratio": round(wall["engine"] / wall[rival], 2),
        "ratio_compiled": round(wall["engine"] / max(compiled), 2) if compiled else None,
        "peak_share": flops(WORKLOADS[row[0]]) * wall["engine"],
        "compile_seconds": opened["engine"],
        "loop_compile_seconds": {way: opened[way] for way in COMPILED if way in opened},
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


def say(words: str) -> None:
    """Progress, for whoever waits."""
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="three rows, nothing compiled")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="these workloads")
    parser.add_argument("--no-compile", action="store_true", help="leave compiled loops out")
    parser.add_argument(
        "--most-compile-seconds",
        type=float,
        default=60.0,
        help="for a loop of one row; default: 60",
    )
    arguments = parser.parse_args()
    give(measure(arguments), arguments)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All rows, with what they were measured on."""
    settle_torch()
    device, started = arguments.device, time.perf_counter()
    asked = [
        row
        for row in (QUICK if arguments.quick and not arguments.only else ROWS)
        if not arguments.only or row[0] in arguments.only
    ]
    on_cpu = device == "cpu"
    ways = {"eager": False} | ({"two_processes": True} if on_cpu else {})
    if not (arguments.quick or arguments.no_compile):
        ways |= {"compiled": True} | ({} if on_cpu else {"compiled_graph": True})
    ways["engine"] = True
    seconds = 0.2 if arguments.quick else 1.5
    turns_of = TurnLengths(5, seconds, arguments.most_compile_seconds)
    peak = matmul_flops_per_second(device) * (2 if on_cpu else 1)
    processes = Processes(device)
    try:
        rows = []
        for number, row in enumerate(asked, 1):
            elapsed = time.perf_counter() - started
            say(f"{elapsed:.0f} s: row {number} of {len(asked)}, {' with '.join(row)}")
            rows.append(measure_row(processes, row, ways, turns_of))
            rows[-1]["peak_share"] = round(rows[-1]["peak_share"] / peak, 3)
            say(f"  {json.dumps(rows[-1])}")
    finally:
        processes.close()
    say(f"{time.perf_counter() - started:.0f} s in all")
    name = torch.cuda.get_device_name() if device == "cuda" else cpu_name()
    machine = f"{platform.system()} {platform.machine()}, {len(available_cores())} cores"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return {
        "device": f"{name}; {machine}; {versions}",
        "most_compile_seconds": arguments.most_compile_seconds,
        "rows": rows,
    }


if __name__ == "__main__":
    main()
