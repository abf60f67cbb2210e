"""Train the dense learning-rate sweeps that the repository's own bank is made of, piece by piece.

    python -m benchmarks.transfer.bank --problem mlp-adamw --seconds 200 [--again]

All tables together take 40 minutes of one core. One is kept as `NAME.part` until it is
complete and goes on where it ended, so that it can be made in pieces; one that is complete is left
alone, unless it is to be trained `--again`. Without `--problem` each of them is gone on with in
turn. `benchmarks.transfer.regret` reads the tables that are complete.
"""

import csv
import gzip
import io
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.bank_problems import PROBLEMS, BankProblem
from benchmarks.transfer.rate_sweeps import trained_losses
from benchmarks.transfer.regret import BANK
from tuner.engine.orders import ModelSpec
from workers.cohort.programs import Programs

HALF_OCTAVE: Final = 0.5
COLUMNS: Final = ("problem", "steps", "width", "log2lr", "seed", "loss")


class Run(NamedTuple):
    """One row of a table."""

    width: int
    log2_rate: float
    seed: int


Trainer = Callable[[BankProblem, Sequence[Run]], Sequence[float | None]]
"""The losses of runs that differ in their rate alone; None of one that diverged."""
Rows = dict[Run, str]
"""Loss of each run as it is written; empty if it diverged."""


def cohorts_of(problem: BankProblem) -> Iterator[tuple[Run, ...]]:
    """Every row of a table, those that train together together; narrow widths first."""
    low, high = problem.log2_rates
    rates = [low + step * HALF_OCTAVE for step in range(round((high - low) / HALF_OCTAVE) + 1)]
    for width in problem.widths:
        for seed in range(problem.seeds):
            yield tuple(Run(width, rate, seed) for rate in rates)


def trained(problem: BankProblem, runs: Sequence[Run]) -> Sequence[float | None]:
    """The losses of runs by the workers' own trainer, as one cohort."""
    width, seed = runs[0].width, runs[0].seed
    model = ModelSpec(
        family=problem.family,
        dataset=problem.dataset,
        width=width,
        base_width=problem.widths[0],
        parametrization=problem.parametrization,
    )
    rates = [2.0**run.log2_rate for run in runs]
    return trained_losses(problem.optimizer, model, rates, seed, problem.training, _PROGRAMS)


_PROGRAMS: Final = Programs()
"""Traced for one cohort and used by those of other seeds."""


def go_on(path: Path, name: str, until: float, trainer: Trainer = trained) -> int:
    """Train runs that a table lacks, until that `time.monotonic()`; how many it still lacks."""
    problem, part = PROBLEMS[name], path.with_name(f"{name}.part")
    rows = read_rows(path) | read_rows(part)
    due = [runs for runs in cohorts_of(problem) if any(run not in rows for run in runs)]
    done = 0
    try:
        for runs in due:
            if time.monotonic() >= until:
                break
            losses = trainer(problem, runs)
            for run, loss in zip(runs, losses, strict=True):
                rows[run] = "" if loss is None else f"{loss:.6g}"
            done += 1
    finally:  # what was trained is kept, also when it is interrupted
        missing = sum(map(len, due[done:]))
        if done:
            write_rows(part if missing else path, name, rows)
        if not missing:
            part.unlink(missing_ok=True)
    return missing


def read_rows(path: Path) -> Rows:
    """The rows of a table; none if it does not exist."""
    if not path.exists():
        return {}
    with gzip.open(path, "rt", newline="") as file:
        return {
            Run(int(row["width"]), float(row["log2lr"]), int(row["seed"])): row["loss"]
            for row in csv.DictReader(file)
        }


def write_rows(path: Path, name: str, rows: Rows) -> None:
    """Write a table, or the part of it that there is; equal tables are equal files."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    steps = PROBLEMS[name].training.steps
    writer.writerows((name, steps, *run, rows[run]) for run in sorted(rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".new")
    whole.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    whole.replace(path)


def main() -> None:
    """Train what is missing, and say what still is."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--problem", choices=list(PROBLEMS), action="append")
    parser.add_argument("--seconds", type=float, default=200.0, help="after which no run begins")
    parser.add_argument("--bank", type=Path, default=BANK, help="the folder of the tables")
    parser.add_argument("--again", action="store_true", help="leave out what is there already")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = given.problem or list(PROBLEMS)
    if given.again:
        for name in names:
            (given.bank / f"{name}.csv.gz").unlink(missing_ok=True)
    until = time.monotonic() + given.seconds
    missing: dict[str, Any] = {
        name: go_on(given.bank / f"{name}.csv.gz", name, until) for name in names
    }
    give({"missing_runs": missing}, given)


if __name__ == "__main__":
    main()
