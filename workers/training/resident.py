"""Keep a dataset on a GPU: batches are gathered there, and only their rows' numbers travel."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from workers.datasets.data import Batch, Data, GatheredData
from workers.datasets.watched import Watched
from workers.device.gpu_memory import usable_bytes

MEMORY_SHARE: Final = 0.1
"""Of a slot's part of a GPU, for a dataset; a larger one stays with the host."""
MOST_KEPT: Final = 2
"""Datasets that stay on a device; a cohort keeps its own beyond that."""


@dataclass(frozen=True)
class Resident:
    """A dataset's rows on a device."""

    data: GatheredData
    whole: tuple[Tensor, ...]
    held_out: tuple[Batch, ...]

    def gathered(self, drawn: Tensor) -> Batch:
        """Batches of these rows, [..., B]; changes nothing, and waits for nothing."""
        return self.data.gathered(self.whole, drawn)


_KEPT: Final[OrderedDict[tuple[int, torch.device], Resident]] = OrderedDict()
"""By the identity of the dataset, which each holds; the latest used last."""


def resident_on(data: Data, device: torch.device) -> Resident | None:
    """The dataset on the device, copied there the first time.

    None where the device reads the host's memory, where the dataset is not made of rows, or where
    it is too large.

    Raises:
        Changed: if it is in files whose contents have changed.

    """
    if device.type == "cpu":
        return None
    rows = rows_of(data)
    if rows is None:
        return None
    key = (id(rows), device)
    if key not in _KEPT:
        if not _fits(rows, device):
            return None
        while len(_KEPT) >= MOST_KEPT:
            _KEPT.popitem(last=False)
        _KEPT[key] = copied(rows, device)
    _KEPT.move_to_end(key)
    return _KEPT[key]


def rows_of(data: Data) -> GatheredData | None:
    """The dataset if it is made of rows; of files, as they are now."""
    now = data.current() if isinstance(data, Watched) else data
    return now if isinstance(now, GatheredData) else None


def copied(rows: GatheredData, device: torch.device) -> Resident:
    """A copy on the device, as large as the dataset."""
    whole = tuple(one.to(device) for one in rows.whole())
    return Resident(rows, whole, tuple(batch.on(device) for batch in rows.validation()))


def batch_on(data: Data, device: torch.device, seed: int, step: int, batch_size: int) -> Batch:
    """The training batch of update number `step` (0-based), on the device."""
    resident = resident_on(data, device)
    if resident is None:
        return data.batch(seed, step, batch_size).on(device)
    drawn = resident.data.drawn(seed, step, batch_size)
    return resident.gathered(drawn.to(device, non_blocking=True))


def validation_on(data: Data, device: torch.device) -> Iterator[Batch]:
    """The fixed validation set, on the device."""
    resident = resident_on(data, device)
    if resident is not None:
        yield from resident.held_out
        return
    for batch in data.validation():
        yield batch.on(device)


def _fits(rows: GatheredData, device: torch.device) -> bool:
    return device.type != "cuda" or rows.whole_bytes <= MEMORY_SHARE * usable_bytes(device)
