"""Tables of losses as users have them, written as CSV files."""

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import Path

Rows = Iterable[dict[str, object]]


def write_csv(path: Path, rows: Rows, delimiter: str = ",") -> Path:
    """A table with the columns of its first row."""
    listed = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(listed)
    return path


def sweep_rows(
    log_loss: Callable[[int, float], float | None],
    *,
    widths: Iterable[int] = (64, 128, 256),
    rates: Iterable[float] = tuple(range(-9, -1)),
    seeds: int = 2,
) -> Iterable[dict[str, object]]:
    """Rows of a known log loss by width and log2 of the rate; empty where it is None."""
    for width in widths:
        for rate in rates:
            for seed in range(seeds):
                at = log_loss(width, rate)
                loss = "" if at is None else math.exp(at + 0.002 * seed)
                yield {"width": width, "lr": 2.0**rate, "seed": seed, "loss": loss}


def steady(width: int, rate: float) -> float | None:
    """An optimum at -5.3 for every width; it diverges above -2.5."""
    gain = 0.1 * math.log2(width / 64)
    return None if rate > -2.5 else 1.0 - gain + 0.05 * (rate + 5.3) ** 2
