"""The dataset `stdlib-text`: the standard library's sources, byte by byte."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import Text


class StdlibText(Text):
    """Bytes of the running Python's standard library sources, split by file.

    Real text on every machine: the vocabulary is the 256 bytes.
    """

    loader: ClassVar = "workers.datasets.stdlib_text:load"
    vocabulary: ClassVar = 256

    name: Literal["stdlib-text"]
