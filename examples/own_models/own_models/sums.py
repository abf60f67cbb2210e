"""Sums of two numbers below a hundred, as tokens: the characters 0 to 9, +, = and ;."""

import hashlib
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from own_models.declarations import Sums
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_draws

CHARACTERS = "0123456789+=;"
_HELD_OUT = 10  # of a hundred first numbers


class SumsData:
    """Windows of as many tokens as the family's sequences have."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._text = {kept: self._sums(kept=kept) for kept in (True, False)}

    @property
    def sha256(self) -> str:
        """SHA-256 of all sums."""
        both = bytes(self._text[True].tolist() + self._text[False].tolist())
        return hashlib.sha256(both).hexdigest()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        starts = len(self._text[True]) - self._tokens
        return self._windows(self._text[True], keyed_draws(seed, step, batch_size, starts))

    def validation(self) -> Iterator[Batch]:
        """Sums whose first number is never trained on."""
        held_out = self._text[False]
        yield self._windows(held_out, torch.arange(0, len(held_out) - self._tokens, self._tokens))

    def _windows(self, text: Tensor, starts: Tensor) -> Batch:
        windows = text[starts[:, None] + torch.arange(self._tokens + 1)]
        return Batch(windows[:, :-1], windows[:, 1:])

    @staticmethod
    def _sums(*, kept: bool) -> Tensor:
        sums = (
            f"{one}+{other}={one + other};"
            for one in range(100)
            for other in range(100)
            if (one >= _HELD_OUT) is kept
        )
        return torch.tensor([CHARACTERS.index(one) for one in "".join(sums)])


@cache
def _data(tokens: int) -> SumsData:
    return SumsData(tokens)


def load(_dataset: Sums, family: ModelFamily) -> SumsData:
    """The sums in windows as long as the family's sequences."""
    return _data(family.tokens_per_example)
