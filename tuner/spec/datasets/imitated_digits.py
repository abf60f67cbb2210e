"""The dataset `imitated-digits`: digits, and random numbers to make others from."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import ImitatedImages
from tuner.spec.datasets.digits import Digits


class ImitatedDigits(ImitatedImages):
    """The digits without their classes, and standard normal numbers to make others from.

    A model that does is validated by the Fréchet distance between 1,436 of its digits and the 359
    held-out ones, per pixel, in the square of the grey values' standard deviation.
    """

    loader: ClassVar = "workers.datasets.imitated_digits:load"
    examples: ClassVar = Digits.examples
    channels: ClassVar = Digits.channels
    side: ClassVar = Digits.side

    name: Literal["imitated-digits"]
