"""Declare the package's datasets: without torch, which the API and the coordinator never load."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import Text


class Sums(Text):
    """Sums written out, as `12+7=19;`: what follows an equals sign can be learned exactly."""

    loader: ClassVar = "more_datasets.sums:load"
    vocabulary: ClassVar = 128

    name: Literal["sums"]
    digits: int = Field(default=2, ge=1, le=9)
    """Of the largest number that is added."""
