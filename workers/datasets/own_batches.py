"""Batches of a user's own task: any step's, or those of a loader read from its beginning."""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from parametrization.nn.check.seeding import seed_globals
from tuner.spec.datasets.own_batches import OwnBatches
from tuner.spec.families.own_task import OwnTask
from workers.datasets.data import Batch
from workers.own_tasks.opened import OpenTask, opened

_LAST_SEEDS: Final = 4
"""Loaders that are kept open: trials of a study share few seeds."""


class OwnBatchesData:
    """Batches of a task's `batch`: its tensors are inputs, the targets only count the examples."""

    def __init__(self, task: OpenTask, version: str) -> None:
        self._task = task
        self._version = version
        self._read: dict[int, _Reading] = {}

    @property
    def sha256(self) -> str:
        """Hash of the task's version and its first batch, since the task makes its own data."""
        digest = hashlib.sha256(self._version.encode())
        for tensor in tensors_of(self._content(0, 0, 1)):
            digest.update(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based).

        Afterwards the global random numbers are those of this seed and step, whatever the batch
        drew.
        """
        content = self._content(seed, step, batch_size)
        if not tensors_of(content):
            raise self._task.failed(
                f"batch returned {type(content).__name__} without tensors: return a tensor, or a"
                " tuple, list or dict of tensors"
            )
        seed_globals(seed, step, 1)
        return Batch(content, torch.zeros(batch_size, dtype=torch.uint8))

    def validation(self) -> Iterator[Batch]:
        """One batch without content, because `validate` has its own; none if it is not defined."""
        if self._task.validates:
            yield Batch((), torch.zeros(1, dtype=torch.uint8))

    def _content(self, seed: int, step: int, batch_size: int) -> Any:  # noqa: ANN401
        if self._task.by_step:
            return self._task.batch(seed, step, batch_size)
        reading = self._read.pop(seed, None)
        if reading is None or reading.step > step:
            reading = _Reading(self._task, seed)
        self._read[seed] = reading
        while len(self._read) > _LAST_SEEDS:
            self._read.pop(next(iter(self._read)))
        return reading.read(step)


class _Reading:
    """A loader of one seed, and where it stands."""

    def __init__(self, task: OpenTask, seed: int) -> None:
        self._task, self._seed, self.step = task, seed, 0
        self._loader = task.loader(seed)
        self._rest: Iterator[Any] = iter(())

    def read(self, step: int) -> Any:  # noqa: ANN401
        """The batch of a step that has not been read yet."""
        while True:
            batch = self._next()
            if self.step > step:
                return batch

    def _next(self) -> Any:  # noqa: ANN401
        seed_globals(self._seed, self.step)
        self.step += 1
        for _ in range(2):
            found = self._task.call("loader", next, self._rest, _NOTHING)
            if found is not _NOTHING:
                return found
            self._rest = self._task.call("loader", iter, self._loader)
        raise self._task.failed("loader gave no batch: it is empty, or cannot be read twice")


_NOTHING: Final = object()


def tensors_of(content: object) -> list[Tensor]:
    """Every tensor of a batch, in order."""
    return [one for one in pytree.tree_leaves(content) if isinstance(one, Tensor)]


@cache
def load(_dataset: OwnBatches, family: OwnTask) -> OwnBatchesData:
    """Data of the task, loaded once per process."""
    return OwnBatchesData(opened(family), family.version)
