"""The dataset `text-file`: a text of the user's own, byte by byte."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import Text
from tuner.spec.datasets.files import DataPath, FileDataset, Share


class TextFile(FileDataset, Text):
    """A UTF-8 text file, byte by byte: the vocabulary is the 256 bytes."""

    loader: ClassVar = "workers.datasets.token_files:load_text"
    look: ClassVar = "tuner.data_files.token_files:look_at_text"
    vocabulary: ClassVar = 256

    name: Literal["text-file"]
    validation_path: DataPath | None = None
    """Another text to validate on. Default: the end of the first one."""
    validation_share: Share = 0.1
    """Of the text, its end; not read where there is a `validation_path`."""
