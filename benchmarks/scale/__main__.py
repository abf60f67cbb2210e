"""Measure whether answers stay as fast as tables grow, and what the coordinator costs a slot.

    python -m benchmarks.scale --json

One row for each operation of the API over a table of a hundredth, a tenth and all of the trials,
of studies that are over, with 1,000 more queued in each. `growth` is each operation's median, and
its API's CPU time, over the largest table divided by that over the smallest. Then a coordinator
leads the queued studies over the largest table.
`tuner_cpu_share_per_slot` is of one core, with all slots busy and a report from each every 10 s on
average, while 1,000 studies wait; `cpu_milliseconds_per_report` is the same by reports.
`scheduling_ms` is the median of the time from a report that
frees a slot until the next order is handed to the engine: the report, decisions and orders are
stored within it, each with the disk's own wait. Nothing trains: the slots are simulated.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import optuna

from benchmarks.report import command_line, give
from benchmarks.scale.answers import answer_rows, growth
from benchmarks.scale.slots import cost_over
from benchmarks.scale.tables import TRIALS, filled
from tuner.storage.sql.database import open_database

GROWTH: Final = (100, 10, 1)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All rows, and the coordinator's cost."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ww-scale-") as text:
        folder = Path(text)
        with ExitStack() as stack:
            sizes = [given.trials // part // TRIALS for part in GROWTH]
            databases = [
                stack.enter_context(
                    filled(folder / str(place), given.database, max(1, studies), given.studies)
                )
                for place, studies in enumerate(sizes)
            ]
            _tell(f"tables filled: {time.monotonic() - began:.0f} s")
            rows = answer_rows(databases, given.repeats)
            _tell(f"answers: {time.monotonic() - began:.0f} s")
            largest = stack.enter_context(closing(open_database(databases[-1].url)))
            cost = cost_over(largest, folder / "slots", given.slots, given.reports)
            _tell(f"the coordinator: {time.monotonic() - began:.0f} s")
    device = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}"
    return {"device": f"{device}, {given.database}", "rows": rows, "growth": growth(rows), **cost}


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--trials", type=int, default=400_000, help="of the largest table")
    parser.add_argument("--studies", type=int, default=1_000, help="that are queued")
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--reports", type=int, default=2_000, help="that the coordinator stores")
    parser.add_argument("--repeats", type=int, default=200, help="of each answer")
    parser.add_argument("--quick", action="store_true", help="40,000 trials, a tenth of the rest")
    given = parser.parse_args()
    if given.quick:
        given.trials, given.repeats, given.reports = 40_000, 40, 200
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    give(measure(given), given)


if __name__ == "__main__":
    main()
