"""The dataset `noised-digits`: digits under noise, and the noise to predict."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import NoisedImages
from tuner.spec.datasets.digits import Digits


class NoisedDigits(NoisedImages):
    """The digits under Gaussian noise of every strength, and that noise to predict.

    The loss is the mean squared error of the noise, per pixel; the noise has variance 1. Models of
    clips see a digit that moves by a pixel a frame.
    """

    loader: ClassVar = "workers.datasets.noised_digits:load"
    examples: ClassVar = Digits.examples
    channels: ClassVar = Digits.channels
    side: ClassVar = Digits.side

    name: Literal["noised-digits"]
