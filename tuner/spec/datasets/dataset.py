"""Declare a dataset without torch: its facts, and the function that loads it.

The kinds of datasets stand here too. A family trains on every dataset of its kind.
"""

from typing import ClassVar, Self

from parametrization.shapes.family_sizes import numbers, pixels
from tuner.spec.submitted import Submitted


class Dataset(Submitted):
    """Options of one dataset, and its facts, which no option changes."""

    loader: ClassVar[str]
    """`module:function`, (dataset, family that trains on it) -> `workers.datasets.data.Data`."""

    examples: ClassVar[int | None] = None
    """Training and held-out ones together; None where it depends on the machine."""

    name: str

    @property
    def pixels(self) -> int:
        """Places of one image, each with a number per channel; 0 where examples are no images."""
        return 0

    def of(self, _sha256: str | None) -> Self:
        """The dataset, bound to the contents that a study was begun on where they can change."""
        return self


class Text(Dataset):
    """Sequences of tokens: inputs [B, T] of whole numbers, targets the tokens that follow each."""

    vocabulary: ClassVar[int]
    """Tokens are from 0 to below this."""


class Images(Dataset):
    """Square images, every example's numbers in one row: channels, their rows, their columns."""

    channels: ClassVar[int]
    side: ClassVar[int]
    """Pixels."""

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        return pixels(self)

    @property
    def numbers(self) -> int:
        """Numbers of one image: every pixel has one in each channel."""
        return numbers(self)


class Labelled(Dataset):
    """Inputs [B, numbers], targets [B] whole numbers: the class of each."""

    channels: ClassVar[int]
    side: ClassVar[int]
    classes: ClassVar[int]


class LabelledImages(Images, Labelled):
    """Images, and the class of each."""


class LabelledVectors(Labelled):
    """Numbers in no order: channels of a single pixel. Targets may be floating, [B, classes]."""

    side: ClassVar = 1


class NoisedImages(Images):
    """Inputs [B, frames * numbers + 1]: noised clips and the time; targets: the noise."""


class OwnData(Dataset):
    """Data of a user's own trainer: nothing is loaded here."""

    loader: ClassVar = ""


class ImitatedImages(Images):
    """Inputs [B, latents + numbers]: a latent and a direction; targets [B, numbers]: images."""
