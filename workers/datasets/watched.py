"""Data in users' files, which may change while a study trains on them."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from tuner.data_files.refused import DataRefused
from tuner.spec.changed import Changed
from tuner.spec.datasets.files import FileDataset
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.access import allowed
from workers.datasets.data import Batch, Data

_MOST_KEPT: Final = 4
"""Sets of data that a process holds open; a study has one."""


class FileData(Data, Protocol):
    """Data of files."""

    def stands(self, *, closely: bool) -> bool:
        """True if the files are those that were opened.

        Args:
            closely: look at all of them, before an order, and not as before every batch.

        """


class Watched:
    """Batches of files as they were when the study began, or none at all.

    A file that was touched, or exchanged for an equal one, is opened again and goes on.
    """

    def __init__(self, dataset: FileDataset, build: Callable[[], FileData]) -> None:
        self._dataset = dataset
        self._build = build
        self._data = self._built(dataset.sha256)

    @property
    def sha256(self) -> str:
        """Hash of the contents."""
        return self._data.sha256

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        return self.current().batch(seed, step, batch_size)

    def validation(self) -> Iterator[Batch]:
        """The fixed validation set."""
        return self.current().validation()

    def current(self, *, closely: bool = False) -> FileData:
        """The data, opened again where a file is not the one that was opened.

        Raises:
            Changed: if its contents are others.

        """
        if not self._data.stands(closely=closely) or (closely and not self._in_store()):
            self._data = self._built(self._data.sha256)
        return self._data

    def _in_store(self) -> bool:
        """True if the remote stores still hold the same data."""
        named = (getattr(self._dataset, field, None) for field in ("path", "validation_path"))
        try:
            return all(allowed().places.stands(one) for one in named if one is not None)
        except DataRefused:
            return False  # opening them again says what is wrong

    def _built(self, expected: str | None) -> FileData:
        try:
            data = self._build()
        except DataRefused as error:
            if expected is None:
                raise
            raise Changed(
                f"the data are not what the study was begun on: {error}, as it was"
            ) from error
        if expected is not None and data.sha256 != expected:
            raise Changed(
                f"{self._dataset.path} has changed since the study began (its sha256 was {expected}"
                f" and is {data.sha256}): put the old contents back, or submit the study anew"
            )
        return data


_KEPT: Final[dict[tuple[object, ...], Watched]] = {}


def watched(
    dataset: FileDataset, family: ModelFamily, build: Callable[[], FileData], *shape: object
) -> Watched:
    """The dataset's files, opened once per process as long as they stay what they are.

    Args:
        shape: what else the data's batches depend on.

    Raises:
        DataRefused: if they cannot be trained on.
        Changed: if they are not those that the study was begun on.

    """
    key = (dataset, *shape)
    known = _KEPT.pop(key, None)
    if known is None:
        known = Watched(dataset, build)
    else:
        known.current(closely=True)
    _KEPT[key] = known
    while len(_KEPT) > _MOST_KEPT:
        _KEPT.pop(next(iter(_KEPT)))
    return known
