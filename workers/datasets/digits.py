"""scikit-learn's handwritten digits, standardised."""

import gc
import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
import torch
from torch import Tensor

from tuner.spec.datasets.digits import Digits
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_draws

_SPLIT_SEED: Final = 0
_VALIDATION_SHARE: Final = 0.2


class DigitsData:
    """Images drawn with replacement for training; every held-out image for validation.

    Grey values are standardised by one mean and one deviation, those of the training images: by
    pixel, the ones that are nearly always black would become outliers.
    """

    def __init__(self) -> None:
        # Imported here: scikit-learn costs a worker a second and 90 MB, and text needs none of it.
        from sklearn.datasets import load_digits

        gc.collect()  # or what is garbage now would stay for good
        gc.freeze()  # its thousand modules stay: collecting garbage need not look at them
        images, labels = load_digits(return_X_y=True)
        self.sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
        order = np.random.Generator(np.random.Philox(_SPLIT_SEED)).permutation(len(labels))
        held_out, kept = np.split(order, [round(_VALIDATION_SHARE * len(labels))])
        mean, deviation = images[kept].mean(), images[kept].std()
        self._inputs: Tensor = torch.tensor((images - mean) / deviation).to(
            torch.get_default_dtype()
        )
        self._targets: Tensor = torch.tensor(labels, dtype=torch.int64)
        self._train: Tensor = torch.from_numpy(kept)
        shown = torch.from_numpy(held_out)
        self._held_out = Batch(self._inputs[shown], self._targets[shown])

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        return self.gathered(self.whole(), self.drawn(seed, step, batch_size))

    @property
    def whole_bytes(self) -> int:
        """Size of all images and their labels."""
        return self._inputs.nbytes + self._targets.nbytes

    def whole(self) -> tuple[Tensor, Tensor]:
        """All images and their labels."""
        return self._inputs, self._targets

    def drawn(self, seed: int, step: int, batch_size: int) -> Tensor:
        """Places of the batch's images among all, [B]."""
        return self._train[keyed_draws(seed, step, batch_size, len(self._train))]

    def gathered(self, whole: tuple[Tensor, ...], drawn: Tensor) -> Batch:
        """The images and their labels."""
        inputs, targets = whole
        return Batch(inputs[drawn], targets[drawn])

    def validation(self) -> Iterator[Batch]:
        """Every held-out image, in one batch."""
        yield self._held_out


@cache
def load_digits_data() -> DigitsData:
    """The digits, loaded once per process."""
    return DigitsData()


def load(_dataset: Digits, _family: ModelFamily) -> DigitsData:
    """The same for every family."""
    return load_digits_data()
