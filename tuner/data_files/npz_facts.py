"""Examples in `.npz` files: their shapes, and how many classes they have."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tuner.data_files.npz import StoredArray, stored_arrays
from tuner.data_files.opened import Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.npz import NpzImages, NpzVectors
from tuner.spec.families.model_family import ModelFamily

LEAST_EXAMPLES: Final = 10
_MOST_CLASSES: Final = 2**20


class Examples(NamedTuple):
    """The arrays of an `.npz` file."""

    file: Opened
    inputs: StoredArray
    targets: npt.NDArray[Any]

    @property
    def facts(self) -> dict[str, int]:
        """Channels, side and classes; of vectors, the side of one pixel."""
        shape = self.inputs.shape
        channels = shape[1] if len(shape) != 3 else 1
        side = shape[-1] if len(shape) > 2 else 1
        return {"channels": channels, "side": side, "classes": self.classes}

    @property
    def classes(self) -> int:
        """The largest target and one; of floating targets, the numbers of each."""
        if self.targets.dtype.kind == "f":
            return int(self.targets.shape[1])
        return int(self.targets.max()) + 1


def look_at_images(dataset: NpzImages, places: Places, _family: ModelFamily) -> Mapping[str, Any]:
    """Channels, side and classes.

    Raises:
        DataRefused: if the file cannot be trained on.

    """
    examples = open_examples(dataset, places)
    found = examples.facts
    _agree(dataset, found)
    return found | {"classes": dataset.classes or found["classes"]}


def look_at_vectors(dataset: NpzVectors, places: Places, _family: ModelFamily) -> Mapping[str, Any]:
    """Numbers of a row, and classes.

    Raises:
        DataRefused: if the file cannot be trained on.

    """
    examples = open_examples(dataset, places)
    found = {name: examples.facts[name] for name in ("channels", "classes")}
    _agree(dataset, found)
    return found | {"classes": dataset.classes or found["classes"]}


def open_examples(dataset: NpzImages | NpzVectors, places: Places) -> Examples:
    """Inputs, unread, and targets.

    Raises:
        DataRefused: if they are not examples of the dataset's kind.

    """
    file = places.open(dataset.path)
    arrays = stored_arrays(file, ("inputs", "targets"))
    inputs, targets = arrays["inputs"], arrays["targets"]
    dimensions, words = (
        ((3, 4), "[N, C, H, W] or [N, H, W]")
        if isinstance(dataset, NpzImages)
        else ((2,), "[N, I]")
    )
    shape, where = list(inputs.shape), f"inputs of {file.path}"
    if len(shape) not in dimensions or not all(shape):
        raise DataRefused("path", f"{where} have the shape {shape}, not {words}: reshape them")
    if len(shape) > 2 and shape[-1] != shape[-2]:
        raise DataRefused("path", f"{where} are {shape[-2]} x {shape[-1]} pixels: make them square")
    if shape[0] < LEAST_EXAMPLES:
        raise DataRefused("path", f"{where} are {shape[0]}: give {LEAST_EXAMPLES} examples or more")
    _require_targets(dataset, targets, shape[0], file)
    return Examples(file, inputs, _checked(targets.read(), file))


def _require_targets(
    dataset: NpzImages | NpzVectors, targets: StoredArray, count: int, file: Opened
) -> None:
    where, shape = f"targets of {file.path}", list(targets.shape)
    floating = targets.dtype.kind == "f"
    if floating and isinstance(dataset, NpzImages):
        raise DataRefused("path", f"{where} are {targets.dtype}: classes are whole numbers from 0")
    if len(shape) != 1 + floating or not all(shape):
        wanted = "[N, O]" if floating else "[N]"
        raise DataRefused("path", f"{where} have the shape {shape}, not {wanted}: reshape them")
    if shape[0] != count:
        raise DataRefused("path", f"{where} are {shape[0]} for {count} inputs: give one for each")


def _checked(targets: npt.NDArray[Any], file: Opened) -> npt.NDArray[Any]:
    if targets.dtype.kind == "f":
        if not np.isfinite(targets).all():
            raise DataRefused("path", f"targets of {file.path} are not all finite: remove those")
        return targets
    smallest, largest = int(targets.min()), int(targets.max())
    if smallest < 0 or largest >= _MOST_CLASSES:
        worst = smallest if smallest < 0 else largest
        raise DataRefused(
            "path",
            f"targets of {file.path} include {worst}: classes are whole numbers from 0 to below"
            f" {_MOST_CLASSES}",
        )
    return targets.astype(np.int64)


def _agree(dataset: NpzImages | NpzVectors, found: Mapping[str, int]) -> None:
    """Refuse what the study says otherwise than the file; more classes than occur may be."""
    for field, value in found.items():
        given = getattr(dataset, field)
        if given and (given < value if field == "classes" else given != value):
            raise DataRefused(field, f"{dataset.path} has {value}, not {given}: leave {field} out")
