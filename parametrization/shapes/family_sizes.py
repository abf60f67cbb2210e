"""Sizes of built-in models and their images, shared by the models and their cost."""

from typing import Final, Protocol

PATCH_SIDE: Final = 2
"""Pixels of one side of the square that a transformer sees as one patch."""
KERNEL: Final = 3
"""Pixels of one side of a convolution's kernel, where it keeps the image's size or halves it."""
DOUBLING_KERNEL: Final = 4
"""The same where it doubles the image's size: at stride 2 it reaches every pixel alike,
where 3 would leave a checkerboard."""
FEED_FORWARD_FACTOR: Final = 4
"""Feed-forward width over width."""
GATED_FACTOR: Final = 3
"""The same of SwiGLU: 8/3 would have as many parameters, and not be whole at every width."""
TIME_FEATURES: Final = 32
"""Waves that encode the time of a diffusion."""
TIED_SCALE: Final = 1 / 8
"""On what a tied readout of the family gpt reads, at every width.

A table's entries start at 1, those of a readout at 1/sqrt(width): read as it is, the table would
start with logits of 8 and more at width 64, whose saturated softmax hides every slope (that of
the readout was -0.87).
"""


class SquareImages(Protocol):
    @property
    def channels(self) -> int: ...
    @property
    def side(self) -> int: ...


def pixels(images: SquareImages) -> int:
    """Places of one image, each with a number per channel."""
    return images.side**2


def numbers(images: SquareImages) -> int:
    """Numbers of one image: pixels times channels."""
    return images.channels * pixels(images)


def fine_blocks(depth: int) -> int:
    """Blocks of a residual network at full resolution, before 2 x 2 pixels become one."""
    return (depth + 1) // 2
