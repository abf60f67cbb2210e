"""What training needs of a dataset: batches that any step can ask for again.

Draws are keyed by (seed, step), so a trial sees the same data alone, in company, resumed on
another machine, and at every width.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """Inputs and the classes to predict; targets have the shape of the logits without classes."""

    inputs: Tensor
    targets: Tensor

    def on(self, device: torch.device) -> "Batch":
        """The batch on a device; itself if it is there."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Data(Protocol):
    """A dataset, split into training and validation."""

    @property
    def sha256(self) -> str:
        """Hash of everything that batches are made of."""

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""

    def validation(self) -> Iterator[Batch]:
        """The fixed validation set, in batches small enough for any model that trains."""


def keyed_draws(seed: int, step: int, count: int, below: int) -> Tensor:
    """`count` numbers in [0, below), a pure function of all arguments, shape [count].

    Philox's raw stream is part of numpy's compatibility promise, its distributions are not. The
    bias of the remainder is below / 2**64.
    """
    generator = np.random.Philox(key=np.array([seed, step], dtype=np.uint64))
    draws = generator.random_raw(count) % np.uint64(below)
    return torch.from_numpy(draws.astype(np.int64))
