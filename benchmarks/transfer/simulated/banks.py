"""Banks: dense learning-rate sweeps of problems at several widths, one table a problem.

Columns: problem, width, log2lr (octaves, at the base width), seed, loss (empty: diverged), and the
steps that every run trained for, if the table says so. Widths double; the widest is the target and
the two below it are never shown to an estimator's study.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from parametrization.transfer.regret import Losses

PLANTED: Final = frozenset({"sp", "short", "hot"})
"""Words in a problem's name that mark it as one that must not be trusted."""
STUDIED_WIDTHS: Final = 3
TARGET_RATIO: Final = 4
"""The target's width over the widest one that is measured."""

SeedLosses = dict[int, float | None]
"""Loss of each seed; None where it diverged."""


class Problem(NamedTuple):
    """One table of a bank."""

    name: str
    losses: dict[int, dict[float, SeedLosses]]
    """By width and log2(learning rate), both ascending."""
    steps: int | None = None
    """Updates of each run; None if the table does not say."""

    @property
    def is_planted(self) -> bool:
        """True if its rates do not transfer, on purpose."""
        return bool(PLANTED & set(self.name.split("-")))

    @property
    def target(self) -> int:
        """The width whose optimum is to be predicted."""
        return max(self.losses)

    @property
    def studied(self) -> tuple[int, ...]:
        """Widths that a study may measure, narrowest first; the widest is a quarter of the target.

        Raises:
            ValueError: if the table has too few widths for that.

        """
        near = [width for width in self.losses if width * TARGET_RATIO <= self.target]
        if len(near) < STUDIED_WIDTHS or near[-1] * TARGET_RATIO != self.target:
            raise ValueError(
                f"{self.name}: widths {sorted(self.losses)}; a problem needs {STUDIED_WIDTHS}"
                f" widths up to a quarter of its widest one, {self.target}"
            )
        return tuple(near[-STUDIED_WIDTHS:])


def read_bank(folder: Path) -> tuple[Problem, ...]:
    """Every problem of a bank, by name.

    Raises:
        FileNotFoundError: if the folder holds no table.

    """
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    if not paths:
        raise FileNotFoundError(
            f"no *.csv or *.csv.gz in {folder}: name a bank with --bank, or train the repository's"
            " own with `python -m benchmarks.transfer.bank`"
        )
    return tuple(_problem(path) for path in paths)


def seeds_of(losses: dict[float, SeedLosses]) -> tuple[int, ...]:
    """Seeds that every rate was trained with."""
    shared = set.intersection(*(set(seeds) for seeds in losses.values()))
    return tuple(sorted(shared))


def at_seeds(
    losses: dict[float, SeedLosses], rates: Iterable[float], seeds: Iterable[int]
) -> Losses:
    """The losses that a study sees of a width that trains these rates with these seeds."""
    chosen = tuple(seeds)
    return {rate: tuple(losses[rate][seed] for seed in chosen) for rate in sorted(rates)}


def _problem(path: Path) -> Problem:
    found: dict[int, dict[float, SeedLosses]] = {}
    steps = set()
    for row in _rows(path):
        loss = None if row["loss"] == "" else float(row["loss"])
        of_rate = found.setdefault(int(row["width"]), {}).setdefault(float(row["log2lr"]), {})
        of_rate[int(row["seed"])] = loss
        steps.add(int(row["steps"]) if row.get("steps") else None)
    if len(steps) > 1:
        raise ValueError(f"{path.name}: runs of a problem train for equally many steps: {steps}")
    losses = {width: dict(sorted(found[width].items())) for width in sorted(found)}
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    return Problem(name, losses, steps.pop() if steps else None)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        yield from csv.DictReader(file)
