"""Train dense learning-rate sweeps over depth, batch and tokens, one table a problem.

    python -m benchmarks.transfer.axes.bank [--problem NAME ...] [--again]

Each problem moves one axis at one width: three values that a study measures, the first of which is
the base, and a target 8 times beyond them in tokens, 4 times in batch and depth. Trials train under
the default rules, as those of a study's sweep do, and rates are at the base. Columns: problem,
value, log2lr, seed, loss (empty: diverged). Tables that are there already are left alone, unless
they are to be trained `--again`.
"""

import csv
import gzip
import io
from pathlib import Path
from typing import Final

import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.axes.problems import BANK, PROBLEMS
from benchmarks.transfer.rate_sweeps import trained_losses
from workers.cohort.programs import Programs

COLUMNS: Final = ("problem", "value", "log2lr", "seed", "loss")
HALF_OCTAVE: Final = 0.5
SEEDS: Final = 3


def train(path: Path, name: str) -> None:
    """Train every run of a table and write it; equal tables are equal files."""
    problem, programs = PROBLEMS[name], Programs()
    low, high = problem.log2_rates
    rates = [low + step * HALF_OCTAVE for step in range(round((high - low) / HALF_OCTAVE) + 1)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for value in problem.values:
        model, training = problem.at(value)
        of_seeds = [
            trained_losses(
                problem.optimizer, model, [2.0**rate for rate in rates], seed, training, programs
            )
            for seed in range(SEEDS)
        ]
        for at, rate in enumerate(rates):
            for seed, losses in enumerate(of_seeds):
                loss = losses[at]
                writer.writerow((name, value, rate, seed, "" if loss is None else f"{loss:.6g}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def main() -> None:
    """Train the tables that are missing."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--problem", choices=list(PROBLEMS), action="append")
    parser.add_argument("--bank", type=Path, default=BANK, help="the folder of the tables")
    parser.add_argument("--again", action="store_true", help="train what is there already, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    trained = []
    for name in given.problem or list(PROBLEMS):
        path = given.bank / f"{name}.csv.gz"
        if given.again or not path.exists():
            train(path, name)
            trained.append(name)
    give({"trained": trained}, given)


if __name__ == "__main__":
    main()
