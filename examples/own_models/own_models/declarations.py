"""Declare the model and the dataset of this package; read without torch."""

from typing import ClassVar, Final, Literal

from tuner.spec.datasets.dataset import Text
from widthwise.task_declaration import TaskDeclaration

SPIRALS: Final = TaskDeclaration(
    name="spirals",
    task="own_models.spirals:Spirals",
    words="A residual network that tells two spirals apart.",
    base_width=32,
    width_divisor=8,
    metric="error rate",
    validates=True,
    residual_blocks=True,
)


class Sums(Text):
    """Sums of two numbers, digit by digit: `17+25=42;`."""

    loader: ClassVar = "own_models.sums:load"
    vocabulary: ClassVar = 13

    name: Literal["sums"]
