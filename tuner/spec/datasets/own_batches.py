"""The dataset `own-batches`: the batches of an own task's `batch` or `loader`."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import Dataset


class OwnBatches(Dataset):
    """Batches that an own task makes itself."""

    loader: ClassVar = "workers.datasets.own_batches:load"

    name: Literal["own-batches"]
