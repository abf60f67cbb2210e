"""The dataset `image-folder`: pictures of the user's own, a folder for each class."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import LabelledImages
from tuner.spec.datasets.files import FileDataset, Share


class ImageFolder(FileDataset, LabelledImages):
    """PNG and JPEG pictures in sub folders, one for each class, in the order of their names."""

    loader: ClassVar = "workers.datasets.image_folder:load"
    look: ClassVar = "tuner.data_files.image_folder:look"

    name: Literal["image-folder"]
    channels: int = Field(default_factory=int, ge=1, le=3)  # type: ignore[misc]  # the folder's own
    """1 for grey values, 3 for colours. Default: as the first picture."""
    side: int = Field(default_factory=int, ge=1, le=1024)  # type: ignore[misc]  # the folder's own
    """Pixels of the squares that pictures are scaled to. Default: those of the first one."""
    classes: int = Field(default_factory=int, ge=1, le=2**16)  # type: ignore[misc]  # the folder's own
    """Default: the number of sub folders."""
    validation_share: Share = 0.1
    """Of each class, drawn once for all studies."""
