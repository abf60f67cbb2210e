"""The dataset `digits`: handwritten digits and their classes."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import LabelledImages


class Digits(LabelledImages):
    """scikit-learn's 1,797 handwritten digits: 64 grey values, 10 classes."""

    loader: ClassVar = "workers.datasets.digits:load"
    examples: ClassVar = 1_797
    channels: ClassVar = 1
    side: ClassVar = 8
    classes: ClassVar = 10

    name: Literal["digits"]
