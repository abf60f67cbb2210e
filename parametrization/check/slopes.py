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
"""Largest attention logits that aligned queries and keys give, in the module that computes them."""

OUTPUT: Final = "output"
"""Output of a block."""

MODEL_OUTPUT: Final = "model output"
"""Name under which what the model gives stands beside the tensors."""

BLOCK_INPUT: Final = "input"
"""Input of the first block."""

LOSS_LOGITS: Final = "logits of the loss"
"""Name under which the size of the logits that the loss reads stands beside the tensors."""

RESIDUAL_STREAM: Final = "residual stream"
"""Name under which the change of what the last block leaves stands beside the tensors."""

_RESAMPLES: Final = 2_000
_LEAST_SEEDS: Final = 4


class TensorStatistic(NamedTuple):
    """One tensor, or one activation, at one width and seed.

    Attributes:
        tensor: its name, `aligned_name` of it, or `activation_name` of a module.
        update_rms: D; of an activation, its change. None where the probe does not use it.
        propagation_rms: P; None where it is not defined.
        initial_rms: before the first update, with the forward multiplier; None if not measured.

    """

    tensor: str
    width: int
    seed: int
    update_rms: float | None
    propagation_rms: float | None
    initial_rms: float | None = None


class Cell(NamedTuple):
    """One statistic of one tensor, or of the like tensors of all blocks.

    `value` is None where the probe did not use the tensor.
    """

    name: str
    size: int
    seed: int
    statistic: Statistic
    value: float | None


class Slope(NamedTuple):
    """Exponent of width: mean over seeds, and the 95 % bootstrap interval of that mean."""

    mean: float
    interval: tuple[float, float]

    def less(self, exponent: float) -> "Slope":
        """Relative to the exponent that is due."""
        low, high = self.interval
        return Slope(self.mean - exponent, (low - exponent, high - exponent))


@dataclass(frozen=True, slots=True)
class Grid:
    """Statistics at every combination of width and seed.

    Attributes:
        sizes: widths, or depths.
        values: by tensor and statistic, shape (seeds, sizes); only where defined everywhere.
        unused: tensors that no probe used.
        frozen: tensors of the model that nothing was measured of: they are not trained.

    """

    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    values: Mapping[tuple[str, Statistic], Array]
    unused: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()

    def rested(self, tensor: str) -> bool:
        """True if the tensor was used and did not change, at every size and seed."""
        updates = self.values.get((tensor, Statistic.UPDATE))
        return updates is not None and not (updates > 0).any()

    def not_finite(self) -> list[str]:
        """Tensors with an infinite or undefined statistic."""
        return [name for (name, _), sw in self.values.items() if not np.isfinite(sw).all()]

    def slope(
        self, tensors: Sequence[str], statistic: Statistic, widest: int | None = None
    ) -> Slope | None:
        """Slope of the tensors' geometric mean; None if nothing moved or nothing is defined.

        A tensor that rested at some width and seed has no logarithm there: that seed is left out
        (a few steps of one size, up and down, may end where they began), or the tensor where fewer
        than four remain.

        Args:
            widest: how many of the largest sizes to take it over; all by default.

        """
        sizes = self.sizes if widest is None else self.sizes[-widest:]
        found = [self.values.get((name, statistic)) for name in tensors]
        moved = [sw for sw in found if sw is not None and _moving(sw).sum() >= _LEAST_SEEDS]
        seeds = np.logical_and.reduce([_moving(sw) for sw in moved])
        if not moved or seeds.sum() < _LEAST_SEEDS:
            return None
        logs_sw = np.mean([np.log2(sw[seeds]) for sw in moved], axis=0)[:, -len(sizes) :]
        x_w = np.log2(sizes) - np.mean(np.log2(sizes))
        slope_s = logs_sw @ x_w / (x_w @ x_w)
        draws_rs = np.random.default_rng(0).integers(slope_s.size, size=(_RESAMPLES, slope_s.size))
        low, high = np.quantile(slope_s[draws_rs].mean(axis=1), [0.025, 0.975])
        return Slope(float(slope_s.mean()), (float(low), float(high)))


def _moving(statistics_sw: Array) -> npt.NDArray[np.bool_]:
    """Seeds at which it moved at every size."""
    return np.asarray((statistics_sw > 0).all(axis=1))


_AS_READOUT: Final = " (as readout)"


def as_readout_name(table: str) -> str:
    """Name under which a table that is read as logits stands a second time, as the readout."""
    return f"{table}{_AS_READOUT}"


def table_of(name: str) -> str | None:
    """The table that stands under this name as a readout; None if it is no such name."""
    return name.removesuffix(_AS_READOUT) if name.endswith(_AS_READOUT) else None


_ALIGNED: Final = " (aligned)"


def aligned_name(tensor: str) -> str:
    """Name under which the aligned part of a tensor's D stands beside it."""
    return f"{tensor}{_ALIGNED}"


def is_aligned(name: str) -> bool:
    """True for the name of an aligned part."""
    return name.endswith(_ALIGNED)


def measured_tensor(name: str) -> str:
    """The tensor whose aligned part has this name; any other name itself."""
    return name.removesuffix(_ALIGNED)


def activation_name(module: str, kind: str) -> str:
    """Name under which an activation of a module stands beside the tensors.

    >>> activation_name("blocks.0", OUTPUT), activation_name("", OUTPUT)
    ('blocks.0 (output)', 'model output')
    """
    return f"{module} ({kind})" if module else f"model {kind}"


def activation_kind(name: str) -> str | None:
    """The kind of activation under this name; None for a tensor."""
    if name in (MODEL_OUTPUT, LOSS_LOGITS, RESIDUAL_STREAM):
        return name
    kinds = (ATTENTION_LOGITS, OUTPUT, BLOCK_INPUT)
    return next((k for k in kinds if name.endswith(f" ({k})") or name == f"model {k}"), None)


def tensor_cells(statistics: Iterable[TensorStatistic]) -> list[Cell]:
    """Statistics one by one."""
    cells = []
    for s in statistics:
        if is_aligned(s.tensor):
            name = measured_tensor(s.tensor)
            cells.append(Cell(name, s.width, s.seed, Statistic.ALIGNED, s.update_rms))
            continue
        is_tensor = activation_kind(s.tensor) is None
        if is_tensor or s.update_rms is not None:
            cells.append(Cell(s.tensor, s.width, s.seed, Statistic.UPDATE, s.update_rms))
        if s.propagation_rms is not None:
            cells.append(Cell(s.tensor, s.width, s.seed, Statistic.PROPAGATION, s.propagation_rms))
        if s.initial_rms is not None:
            cells.append(Cell(s.tensor, s.width, s.seed, Statistic.INITIAL, s.initial_rms))
    return cells


def complete_grid(cells: Iterable[Cell], tensors: Sequence[str]) -> Grid:
    """Statistics at all sizes seen, for the seeds that have all of `tensors` at all of them.

    Raises:
        ValueError: if a statistic is of another tensor.

    """
    by_key = {(c.name, c.statistic, c.size, c.seed): c.value for c in cells}
    if unknown := sorted({name for name, *_ in by_key} - set(tensors)):
        raise ValueError(f"statistics of {', '.join(unknown)}, which the model does not have")
    sizes = tuple(sorted({size for _, _, size, _ in by_key}))
    kinds = {(name, statistic) for name, statistic, *_ in by_key}
    needed = [
        (name, s)
        for name in tensors
        for s in (Statistic.UPDATE, Statistic.INITIAL)
        if (name, s) in kinds and (activation_kind(name) is None) is (s is Statistic.UPDATE)
    ]
    seeds = tuple(
        seed
        for seed in sorted({seed for *_, seed in by_key})
        if all((name, s, size, seed) in by_key for name, s in needed for size in sizes)
    )
    values: dict[tuple[str, Statistic], Array] = {}
    for name in tensors:
        for statistic in Statistic:
            rows = [[by_key.get((name, statistic, w, s)) for w in sizes] for s in seeds]
            if all(value is not None for row in rows for value in row):
                values[name, statistic] = np.array(rows, dtype=np.float64)
    updates = {(name, value) for (name, s, *_), value in by_key.items() if s is Statistic.UPDATE}
    unused = {name for name, _ in updates} - {name for name, value in updates if value is not None}
    seen = {name for name, *_ in by_key}
    return Grid(sizes, seeds, values, frozenset(unused), frozenset(set(tensors) - seen))
