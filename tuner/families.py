"""Model families and datasets that a study can name: their options, without torch."""

import math
from typing import Annotated, Literal

from pydantic import Field

from tuner.records import Record


class Mlp(Record):
    """Multilayer perceptron: `depth` hidden layers of one width, one readout."""

    name: Literal["mlp"]
    depth: int = Field(default=3, ge=1, le=64)
    """Hidden layers, the first one (input to width) included."""
    norm: Literal["none", "layernorm", "rmsnorm"] = "none"
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"

    @property
    def width_divisor(self) -> int:
        """Every width of this family is a multiple of this."""
        return 1


class Gpt(Record):
    """Decoder-only transformer: pre-norm blocks, learned positions, untied readout."""

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


Family = Annotated[Mlp | Gpt, Field(discriminator="name")]


class StdlibText(Record):
    """Bytes of the running Python's standard library sources, split by file.

    Real text on every machine: the vocabulary is the 256 bytes.
    """

    name: Literal["stdlib-text"]


class Digits(Record):
    """scikit-learn's 1,797 handwritten digits: 64 grey values, 10 classes."""

    name: Literal["digits"]


Dataset = Annotated[StdlibText | Digits, Field(discriminator="name")]

DATASETS_OF_FAMILY: dict[str, tuple[str, ...]] = {"mlp": ("digits",), "gpt": ("stdlib-text",)}
"""Which datasets a family can train on; the first one is its default."""


def smallest_width(family: Mlp | Gpt, at_least: int) -> int:
    """Narrowest legal width of the family that is not below `at_least`.

    >>> smallest_width(Gpt(name="gpt", head_size=24), 64)
    72
    """
    return math.ceil(at_least / family.width_divisor) * family.width_divisor
