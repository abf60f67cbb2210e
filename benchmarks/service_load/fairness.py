"""Measure what a tiny study waits for behind a large one, on a service of its own.

    python -m benchmarks.service_load.fairness --json

The tiny study runs alone, then again once the trials of an older, large study of equal priority
hold every slot. `ratio` is the median of the latter over that of the former, of the clock. With
half of the slots it may take twice as long, and beside that it waits for its first turn: an order
of the large study gives its slot up at its first rung after 30 s, or when it ends. `large_done`
says whether the large study had ended by then, in which case nothing was shown.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.report import command_line, give
from tests.service.running import RunningService

POLL_SECONDS: Final = 0.1
TINY: Final[dict[str, Any]] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 64},
    "proxy_width": 16,
    "training": {"steps": 60, "batch_size": 32},
    "search": {"trials": 8, "batch_size": 4},
    "measure": {"widths": [16, 24, 32], "grid_points": 5},
    "check": {"widths": [16, 24, 32]},
    "on_failed_check": "warn",
}


def large(steps: int) -> dict[str, Any]:
    """A study of hours: a small GPT, of many trials of so many steps."""
    return {
        "family": {"name": "gpt", "depth": 2},
        "target": {"width": 256},
        "proxy_width": 32,
        "training": {"steps": steps, "batch_size": 4},
        "search": {"trials": 1_000, "batch_size": 16, "sampler": "random", "pruner": "none"},
        "on_failed_check": "warn",
    }


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Seconds alone and behind, and their ratio."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ww-fair-")))
        service = RunningService(folder / "data", given.slots)
        stack.callback(service.stop)
        _seconds_of(service, -1)  # what the first study of a service pays for all
        alone = [_seconds_of(service, number) for number in range(given.repeats)]
        older = service.submit(large(given.steps))
        while not _holds_all(service, older):
            time.sleep(POLL_SECONDS)
        behind = [_seconds_of(service, number) for number in range(given.repeats)]
        large_done = service.study(older)["state"] == "completed"
    return {
        "slots": given.slots,
        "alone_seconds": [round(one, 1) for one in alone],
        "behind_seconds": [round(one, 1) for one in behind],
        "ratio": round(statistics.median(behind) / statistics.median(alone), 2),
        "large_done": large_done,
    }


def _seconds_of(service: RunningService, number: int) -> float:
    """Seconds from a tiny study's submission to its end."""
    began = time.monotonic()
    study_id = service.submit(TINY | {"seed": 100 + number})
    while (state := service.study(study_id)["state"]) != "completed":
        if state in ("failed", "cancelled"):
            raise RuntimeError(f"the tiny study ended as {state}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _holds_all(service: RunningService, study_id: str) -> bool:
    listed = service.get("/v1/workers")["workers"]
    orders = [one["order_id"] or "" for one in listed if one["name"].startswith("cpu-")]
    return bool(orders) and all(one.startswith(study_id) and "-t" in one for one in orders)


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20_000, help="of the large study's trials")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    give(measure(given), given)


if __name__ == "__main__":
    main()
