"""The dataset `own-batches`: what an own task's `batch` or `loader` returns."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import Dataset


class OwnBatches(Dataset):
    """Batches that an own task makes itself."""

    loader: ClassVar = "workers.datasets.own_batches:load"

    name: Literal["own-batches"]
