"""Declare a package's task where torch is not loaded: an entry point leads to it."""

from dataclasses import dataclass
from typing import Literal

from widthwise.task import DEEPEST, WIDEST


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDeclaration:
    """An own task of an installed package, in the group `widthwise.models`.

    Workers refuse a class that does not agree with it.

    Attributes:
        name: what studies call it: the entry point's name.
        task: `package.module:Class`, imported by workers alone.
        words: what it is, in a sentence.
        base_width, width_divisor, tokens_per_example, depth, metric: as the class has them.
        validates: whether the class defines `validate`.
        batches: `by_step` where it defines `batch`, `loader` where it defines `loader`.
        residual_blocks: whether its class names `blocks`, or adds branches with `Residual`.
        draws: whether its model or loss draws random numbers, as dropout does.

    Raises:
        ValueError: if a number is out of range, or the class is not named as above.

    """

    name: str
    task: str
    words: str = ""
    base_width: int = 128
    width_divisor: int = 1
    tokens_per_example: int = 1
    depth: int = 2
    metric: str = "validation loss"
    validates: bool = False
    batches: Literal["by_step", "loader"] = "by_step"
    residual_blocks: bool = False
    draws: bool = False

    def __post_init__(self) -> None:
        numbers = {
            "base_width": (self.base_width, WIDEST),
            "width_divisor": (self.width_divisor, WIDEST),
            "tokens_per_example": (self.tokens_per_example, WIDEST),
            "depth": (self.depth, DEEPEST),
        }
        for name, (value, most) in numbers.items():
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} is {value!r:.60}: give a whole number from 1 to {most}")
        if self.base_width % self.width_divisor:
            raise ValueError(
                f"base_width {self.base_width} is not a multiple of width_divisor"
                f" {self.width_divisor}"
            )
        module, colon, attribute = self.task.partition(":")
        parts = [*module.split("."), attribute]
        if not colon or not all(part.isidentifier() for part in parts):
            raise ValueError(f"task must be written package.module:Class, got {self.task!r:.80}")
        if self.batches not in ("by_step", "loader"):
            raise ValueError(f"batches must be by_step or loader, got {self.batches!r:.60}")
