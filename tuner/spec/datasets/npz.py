"""The datasets `npz-images` and `npz-vectors`: arrays of the user's own."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import LabelledImages, LabelledVectors
from tuner.spec.datasets.files import FileDataset, Share


class NpzImages(FileDataset, LabelledImages):
    """Images and their classes in an `.npz` file, arrays `inputs` and `targets`.

    `inputs` [N, C, H, W] or [N, H, W], of any real numbers, are standardised; `targets` [N] are
    whole numbers from 0.
    """

    loader: ClassVar = "workers.datasets.npz:load"
    look: ClassVar = "tuner.data_files.npz_facts:look_at_images"

    name: Literal["npz-images"]
    channels: int = Field(default_factory=int, ge=1, le=4096)  # type: ignore[misc]  # the file's own
    """Default: as the file says."""
    side: int = Field(default_factory=int, ge=1, le=4096)  # type: ignore[misc]  # the file's own
    """Pixels. Default: as the file says."""
    classes: int = Field(default_factory=int, ge=1, le=2**20)  # type: ignore[misc]  # the file's own
    """Default: the largest target and one."""
    validation_share: Share = 0.1
    """Of the examples, drawn once for all studies."""


class NpzVectors(FileDataset, LabelledVectors):
    """Rows of numbers and what to predict in an `.npz` file, arrays `inputs` and `targets`.

    `inputs` [N, I], of any real numbers, are standardised; `targets` are [N] whole numbers from 0,
    the classes, or [N, O] floating ones, predicted as they are.
    """

    loader: ClassVar = "workers.datasets.npz:load"
    look: ClassVar = "tuner.data_files.npz_facts:look_at_vectors"

    name: Literal["npz-vectors"]
    channels: int = Field(default_factory=int, ge=1, le=2**20)  # type: ignore[misc]  # the file's own
    """Numbers of one row. Default: as the file says."""
    classes: int = Field(default_factory=int, ge=1, le=2**20)  # type: ignore[misc]  # the file's own
    """Default: the largest target and one; of floating targets, the numbers of each."""
    validation_share: Share = 0.1
    """Of the examples, drawn once for all studies."""
