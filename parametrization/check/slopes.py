"""Slopes of a coordinate check's statistics: log2 of each against log2 of width, or of depth.

Shape suffixes: s seeds, w widths (or depths), r resamples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from parametrization.check.words import Statistic

Array = npt.NDArray[np.float64]

ATTENTION_LOGITS: Final = "attention logits"
"""Name under which the reach of the first attention's logits stands beside the tensors."""

RESIDUAL_STREAM: Final = "residual stream"
"""Name under which the change of what the last block leaves stands beside the tensors."""

_RESAMPLES: Final = 2_000


class TensorStatistic(NamedTuple):
    """One tensor at one width and seed."""

    tensor: str
    width: int
    seed: int
    update_rms: float
    propagation_rms: float | None


class InitialStatistic(NamedTuple):
    """One tensor before the first update, at one width (or depth) and seed."""

    tensor: str
    size: int
    seed: int
    rms: float


class Cell(NamedTuple):
    """One statistic of one tensor, or of the like tensors of all blocks."""

    name: str
    size: int
    seed: int
    statistic: Statistic
    value: float


class Slope(NamedTuple):
    """Exponent of width: mean over seeds, and the 95 % bootstrap interval of that mean."""

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Statistics at every combination of width and seed.

    Attributes:
        sizes: widths, or depths.
        values: by tensor and statistic, shape (seeds, sizes); only where defined everywhere.

    """

    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    values: Mapping[tuple[str, Statistic], Array]

    def not_finite(self) -> list[str]:
        """Tensors with an infinite or undefined statistic."""
        return [name for (name, _), sw in self.values.items() if not np.isfinite(sw).all()]

    def slope(self, tensors: Sequence[str], statistic: Statistic) -> Slope | None:
        """Slope of the tensors' geometric mean; None if nothing moved or nothing is defined.

        A tensor that rested at some width and seed has no logarithm there and is left out.
        """
        found = [self.values.get((name, statistic)) for name in tensors]
        moved = [sw for sw in found if sw is not None and (sw > 0).all()]
        if not moved:
            return None
        logs_sw = np.mean([np.log2(sw) for sw in moved], axis=0)
        x_w = np.log2(self.sizes) - np.mean(np.log2(self.sizes))
        slope_s = logs_sw @ x_w / (x_w @ x_w)
        draws_rs = np.random.default_rng(0).integers(slope_s.size, size=(_RESAMPLES, slope_s.size))
        low, high = np.quantile(slope_s[draws_rs].mean(axis=1), [0.025, 0.975])
        return Slope(float(slope_s.mean()), (float(low), float(high)))


def as_readout_name(table: str) -> str:
    """Name under which a tied table stands a second time, as the readout."""
    return f"{table} (as readout)"


def tensor_cells(
    statistics: Iterable[TensorStatistic], initial: Iterable[InitialStatistic] = ()
) -> list[Cell]:
    """Statistics one by one."""
    cells = []
    for s in statistics:
        cells.append(Cell(s.tensor, s.width, s.seed, Statistic.UPDATE, s.update_rms))
        if s.propagation_rms is not None:
            cells.append(Cell(s.tensor, s.width, s.seed, Statistic.PROPAGATION, s.propagation_rms))
    return cells + [Cell(i.tensor, i.size, i.seed, Statistic.INITIAL, i.rms) for i in initial]


def complete_grid(cells: Iterable[Cell], tensors: Sequence[str]) -> Grid:
    """Statistics at all sizes seen, for the seeds that have all of `tensors` at all of them.

    Raises:
        ValueError: if a statistic is of another tensor.

    """
    by_key = {(c.name, c.statistic, c.size, c.seed): c.value for c in cells}
    if unknown := sorted({name for name, *_ in by_key} - set(tensors)):
        raise ValueError(f"statistics of {', '.join(unknown)}, which the model does not have")
    sizes = tuple(sorted({size for _, _, size, _ in by_key}))
    needed = [
        (t, Statistic.INITIAL if t == ATTENTION_LOGITS else Statistic.UPDATE) for t in tensors
    ]
    seeds = tuple(
        seed
        for seed in sorted({seed for *_, seed in by_key})
        if all((t, s, size, seed) in by_key for t, s in needed for size in sizes)
    )
    values: dict[tuple[str, Statistic], Array] = {}
    for name in tensors:
        for statistic in Statistic:
            rows = [[by_key.get((name, statistic, w, s)) for w in sizes] for s in seeds]
            if all(value is not None for row in rows for value in row):
                values[name, statistic] = np.array(rows, dtype=np.float64)
    return Grid(sizes, seeds, values)
