"""Model families and datasets that a study can name: their options, without torch."""

import math
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from tuner.model_family import ModelFamily
from tuner.records import Record
from tuner.vision_families import Dit, Resnet, Unet, Vit


class Mlp(ModelFamily):
    """Multilayer perceptron: `depth` hidden layers of one width, one readout."""

    datasets: ClassVar = ("digits",)

    name: Literal["mlp"]
    depth: int = Field(default=3, ge=1, le=64)
    """Hidden layers, the first one (input to width) included."""
    norm: Literal["none", "layernorm", "rmsnorm"] = "none"
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"


class Gpt(ModelFamily):
    """Decoder-only transformer: pre-norm blocks, learned positions, untied readout."""

    datasets: ClassVar = ("stdlib-text",)

    name: Literal["gpt"]
    depth: int = Field(default=2, ge=1, le=64)
    """Blocks of attention and feed-forward (4 x width)."""
    head_size: int = Field(default=16, ge=1, le=256)
    """Size of one attention head, fixed over widths: the number of heads is width / head_size."""
    context: int = Field(default=32, ge=2, le=4096)
    """Tokens per sequence."""
    norm: Literal["layernorm", "rmsnorm"] = "rmsnorm"
    activation: Literal["relu", "gelu", "silu", "tanh"] = "gelu"

    @property
    def width_divisor(self) -> int:
        """Every width of this family is a multiple of this."""
        return self.head_size

    @property
    def divisor_field(self) -> str:
        """Which option the divisor comes from."""
        return "head_size"

    @property
    def tokens_per_example(self) -> int:
        """Tokens of one sequence."""
        return self.context


AnyFamily = Mlp | Gpt | Resnet | Vit | Unet | Dit
Family = Annotated[AnyFamily, Field(discriminator="name")]
FAMILIES: Final[tuple[type[ModelFamily], ...]] = get_args(AnyFamily)
"""In the order of the catalogue."""


class StdlibText(Record):
    """Bytes of the running Python's standard library sources, split by file.

    Real text on every machine: the vocabulary is the 256 bytes.
    """

    name: Literal["stdlib-text"]


class Digits(Record):
    """scikit-learn's 1,797 handwritten digits: 64 grey values, 10 classes."""

    name: Literal["digits"]


class NoisedDigits(Record):
    """The digits under Gaussian noise of every strength, and that noise to predict.

    The loss is the mean squared error of the noise, per pixel; the noise has variance 1. Models of
    clips see a digit that moves by a pixel a frame.
    """

    name: Literal["noised-digits"]


AnyDataset = StdlibText | Digits | NoisedDigits
Dataset = Annotated[AnyDataset, Field(discriminator="name")]
DATASETS: Final[dict[str, type[Record]]] = {
    get_args(dataset.model_fields["name"].annotation)[0]: dataset
    for dataset in get_args(AnyDataset)
}
"""By name, in the order of the catalogue."""


def smallest_width(family: ModelFamily, at_least: int) -> int:
    """Narrowest legal width of the family that is not below `at_least`.

    >>> smallest_width(Gpt(name="gpt", head_size=24), 64)
    72
    """
    return math.ceil(at_least / family.width_divisor) * family.width_divisor
