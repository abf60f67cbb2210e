"""Digits to imitate, the latents to do it from, and directions to perturb digits in.

Shape suffixes: B batch, I latent and perturbation.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from torch import Tensor

from tuner.spec.datasets.imitated_digits import ImitatedDigits
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_normals
from workers.datasets.digits import DigitsData, load_digits_data

_INPUTS, _VALIDATION_INPUTS = range(1, 3)  # streams; images are drawn from 0
_VALIDATION_SEED: Final = 0
_GENERATED_PER_HELD_OUT: Final = 4
"""More generated digits than digits take noise out of the comparison, and cost little."""


class ImitatedDigitsData:
    """Inputs [B, latents + 64] are standard normal, targets digits that they do not belong to.

    An input is a latent and a direction among the pixels of a digit. For validation: every held-out
    digit and four times as many inputs, always the same.

    Args:
        digits: how they are drawn and split.
        latents: numbers that one digit is to be made from.

    """

    def __init__(self, digits: DigitsData, latents: int) -> None:
        self._digits = digits
        self._latents = latents
        made_of = f"{digits.sha256} normal inputs, latents {latents}"
        self.sha256 = hashlib.sha256(made_of.encode()).hexdigest()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        digits = self._digits.batch(seed, step, batch_size).inputs
        return Batch(self._drawn((seed, step, _INPUTS), batch_size, like=digits), digits)

    def validation(self) -> Iterator[Batch]:
        """Every held-out digit and all inputs, in one batch: a distance is no mean of parts."""
        for held_out in self._digits.validation():
            digits = held_out.inputs
            count = _GENERATED_PER_HELD_OUT * len(digits)
            key = (_VALIDATION_SEED, 0, _VALIDATION_INPUTS)
            yield Batch(self._drawn(key, count, like=digits), digits)

    def _drawn(self, key: tuple[int, int, int], count: int, *, like: Tensor) -> Tensor:
        """Inputs, [count, I], of the dtype of `like`."""
        seed, step, stream = key
        size = self._latents + like.shape[1]
        inputs_BI = keyed_normals(seed, step, count * size, stream).view(count, size)
        return inputs_BI.to(like.dtype)


def load(_dataset: ImitatedDigits, family: ModelFamily) -> ImitatedDigitsData:
    """The dataset with latents of the family's size."""
    return ImitatedDigitsData(load_digits_data(), family.latents_per_example)
