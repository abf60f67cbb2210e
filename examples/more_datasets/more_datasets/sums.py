"""Sums written out, made anew for every batch."""

import hashlib
from collections.abc import Iterator
from typing import Final

import torch

from more_datasets.declarations import Sums
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_draws

_TRAINING, _VALIDATION = range(2)  # streams
_VALIDATION_SEQUENCES: Final = 64


class SumsData:
    """Sequences of `context` characters, each from the beginning of a sum on."""

    def __init__(self, digits: int, context: int) -> None:
        self._below = 10**digits
        self._context = context
        self.sha256 = hashlib.sha256(f"sums of numbers below {self._below}".encode()).hexdigest()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based): a function of its arguments alone."""
        return self._written(seed, step, batch_size, _TRAINING)

    def validation(self) -> Iterator[Batch]:
        """The same sums for every trial."""
        yield self._written(0, 0, _VALIDATION_SEQUENCES, _VALIDATION)

    def _written(self, seed: int, step: int, count: int, stream: int) -> Batch:
        sums = self._context // len("0+0=0;") + 1  # more than fit, even of the shortest
        numbers = keyed_draws(seed, step, count * sums * 2, self._below, stream)
        rows = [
            "".join(f"{a}+{b}={a + b};" for a, b in pairs)[: self._context + 1].encode()
            for pairs in numbers.view(count, sums, 2).tolist()
        ]
        windows = torch.tensor([list(row) for row in rows])
        return Batch(windows[:, :-1], windows[:, 1:])


def load(dataset: Sums, family: ModelFamily) -> SumsData:
    """The sums in sequences as long as the family's."""
    return SumsData(dataset.digits, family.tokens_per_example)
