"""Slopes of a coordinate check's statistics: log2 of each against log2 of width.

Shape suffixes: s seeds, w widths, r resamples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from parametrization.coordinate_words import Statistic

Array = npt.NDArray[np.float64]

_RESAMPLES: Final = 2_000


class TensorStatistic(NamedTuple):
    """One tensor at one width and seed."""

    tensor: str
    width: int
    seed: int
    update_rms: float
    propagation_rms: float | None


class Slope(NamedTuple):
    """Exponent of width: mean over seeds, and the 95 % bootstrap interval of that mean."""

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Statistics at every combination of width and seed.

    Attributes:
        values: by tensor and statistic, shape (seeds, widths); propagation where it is defined.

    """

    widths: tuple[int, ...]
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
        x_w = np.log2(self.widths) - np.mean(np.log2(self.widths))
        slope_s = logs_sw @ x_w / (x_w @ x_w)
        draws_rs = np.random.default_rng(0).integers(slope_s.size, size=(_RESAMPLES, slope_s.size))
        low, high = np.quantile(slope_s[draws_rs].mean(axis=1), [0.025, 0.975])
        return Slope(float(slope_s.mean()), (float(low), float(high)))


def complete_grid(statistics: Iterable[TensorStatistic], tensors: Sequence[str]) -> Grid:
    """The statistics of all `tensors` at all widths seen, for the seeds that have all of them.

    Raises:
        ValueError: if a statistic is of another tensor.

    """
    cells = {(s.tensor, s.width, s.seed): s for s in statistics}
    if unknown := sorted({tensor for tensor, _, _ in cells} - set(tensors)):
        raise ValueError(f"statistics of {', '.join(unknown)}, which the model does not have")
    widths = tuple(sorted({width for _, width, _ in cells}))
    seeds = tuple(
        seed
        for seed in sorted({seed for _, _, seed in cells})
        if all((tensor, width, seed) in cells for tensor in tensors for width in widths)
    )
    values: dict[tuple[str, Statistic], Array] = {}
    for tensor in tensors:
        rows = [[cells[tensor, width, seed] for width in widths] for seed in seeds]
        values[tensor, Statistic.UPDATE] = np.array(
            [[cell.update_rms for cell in row] for row in rows], dtype=np.float64
        )
        propagation = [[cell.propagation_rms for cell in row] for row in rows]
        if all(value is not None for row in propagation for value in row):
            values[tensor, Statistic.PROPAGATION] = np.array(propagation, dtype=np.float64)
    return Grid(widths, seeds, values)
