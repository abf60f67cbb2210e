"""Examples in users' files: inputs and targets drawn with replacement, a share held out."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.datasets.data import Batch, keyed_draws

_SPLIT_SEED: Final = 0
_MOST_VALIDATED: Final = 4_096
_VALIDATION_BATCH: Final = 512
_PART: Final = 2**14

Rows = npt.NDArray[np.int64]


class ExampleData:
    """Standardised inputs [B, numbers] and their targets.

    Args:
        inputs: [N, ...], mapped or not.
        targets: [N] whole numbers, or [N, O] floating.
        groups: of which each holds out its share, by example; all are one if None.
        by_column: standardise every number of an input by its own mean and deviation, instead of
            all by one.
        stands: whether the files are those that were opened, if need be looking closely.

    """

    def __init__(
        self,
        inputs: npt.NDArray[Any],
        targets: npt.NDArray[Any],
        sha256: str,
        *,
        share: float,
        groups: Rows | None,
        by_column: bool,
        stands: Callable[[bool], bool],
    ) -> None:
        self.sha256 = sha256
        self._stands = stands
        self._inputs = inputs
        self._targets = targets
        self._kept, held_out = split(
            groups if groups is not None else np.zeros(len(targets)), share
        )
        places = np.linspace(0, len(held_out) - 1, min(len(held_out), _MOST_VALIDATED))
        self._held_out = held_out[places.astype(np.int64)]
        self._mean, self._deviation = standards(inputs, np.sort(self._kept), by_column=by_column)

    def stands(self, *, closely: bool) -> bool:
        """True if the files are those that were opened."""
        return self._stands(closely)

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        return self._examples(self.drawn(seed, step, batch_size).numpy())

    @property
    def whole_bytes(self) -> int:
        """Size of all examples, standardised, and their targets."""
        numbers = self._inputs[:1].size * torch.get_default_dtype().itemsize
        return len(self._targets) * numbers + self._targets.nbytes

    def whole(self) -> tuple[Tensor, Tensor]:
        """All examples, standardised, and their targets."""
        rows = np.arange(len(self._targets))
        parts = [self._examples(rows[at : at + _PART]) for at in range(0, len(rows), _PART)]
        return torch.cat([part.inputs for part in parts]), torch.cat([part[1] for part in parts])

    def drawn(self, seed: int, step: int, batch_size: int) -> Tensor:
        """Places of the batch's examples among all, [B]."""
        draws = keyed_draws(seed, step, batch_size, len(self._kept))
        return torch.from_numpy(self._kept[draws])

    def gathered(self, whole: tuple[Tensor, ...], drawn: Tensor) -> Batch:
        """The examples and their targets."""
        inputs, targets = whole
        return Batch(inputs[drawn], targets[drawn])

    def validation(self) -> Iterator[Batch]:
        """The held-out examples; evenly spaced ones of more than 4,096."""
        for place in range(0, len(self._held_out), _VALIDATION_BATCH):
            yield self._examples(self._held_out[place : place + _VALIDATION_BATCH])

    def _examples(self, rows: Rows) -> Batch:
        flat = self._inputs[rows].reshape(len(rows), -1).astype(np.float64)
        inputs = torch.from_numpy((flat - self._mean) / self._deviation)
        dtype = torch.get_default_dtype()
        targets: Tensor = torch.from_numpy(np.ascontiguousarray(self._targets[rows]))
        if targets.is_floating_point():
            targets = targets.to(dtype)
        return Batch(inputs.to(dtype), targets)


def split(groups: npt.NDArray[Any], share: float) -> tuple[Rows, Rows]:
    """Rows to train on and rows held out: of each group its share, and at least one of all.

    The same for every study: by one shuffle of all rows.
    """
    shuffled = np.random.Generator(np.random.Philox(_SPLIT_SEED)).permutation(len(groups))
    kept, held_out = [], []
    for group in np.unique(groups):
        members = shuffled[groups[shuffled] == group]
        count = round(share * len(members))
        held_out.append(members[:count])
        kept.append(members[count:])
    trained, validated = np.concatenate(kept), np.concatenate(held_out)
    if not len(validated):
        trained, validated = trained[1:], trained[:1]
    return trained, np.sort(validated)


def standards(
    inputs: npt.NDArray[Any], rows: Rows, *, by_column: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation over these rows; 1 where it is 0.

    Raises:
        FloatingPointError: if a number is not finite.

    """
    total, count = None, 0
    for power in (1, 2):
        summed: Any = 0.0
        for place in range(0, len(rows), _PART):
            part = inputs[rows[place : place + _PART]].reshape(-1, int(np.prod(inputs.shape[1:])))
            numbers = part.astype(np.float64)
            if total is not None:
                numbers = (numbers - total) ** 2
            summed = summed + numbers.sum(0 if by_column else None)
        count = len(rows) if by_column else inputs[0].size * len(rows)
        if power == 1:
            total = summed / count
    mean, deviation = np.asarray(total), np.sqrt(np.asarray(summed / count))
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise FloatingPointError("inputs are not all finite")
    return mean, np.where(deviation > 0, deviation, 1.0)
