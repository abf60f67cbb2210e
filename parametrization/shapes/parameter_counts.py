"""Count the parameters of the layers that built-in models are made of, in closed form.

A test holds the sums to the models that are really built.
"""

from typing import Final, Literal

from parametrization.shapes.family_sizes import (
    FEED_FORWARD_FACTOR,
    KERNEL,
    PATCH_SIDE,
    TIME_FEATURES,
    SquareImages,
    numbers,
    pixels,
)

_PER_CHANNEL: Final = {"none": 0, "rmsnorm": 1, "layernorm": 2, "batchnorm": 2, "groupnorm": 2}
"""Gains and biases of a norm."""


def linear(fan_in: int, fan_out: int, *, bias: bool = True) -> int:
    """A map of `fan_in` numbers to `fan_out`."""
    return fan_in * fan_out + (fan_out if bias else 0)


def convolution(channels_in: int, channels_out: int) -> int:
    """3 x 3, without a bias."""
    return KERNEL**2 * channels_in * channels_out


def norm(kind: Literal["none", "rmsnorm", "layernorm", "batchnorm", "groupnorm"], size: int) -> int:
    """Gains and biases over `size` channels.

    >>> norm("layernorm", 64), norm("rmsnorm", 64)
    (128, 64)
    """
    return _PER_CHANNEL[kind] * size


def perceptron(width: int, depth: int, inputs: int, outputs: int, norm_size: int = 0) -> int:
    """`depth` layers of one width, the first one from the inputs, and a readout.

    Args:
        norm_size: parameters of the norm of one layer.

    """
    hidden = linear(inputs, width) + (depth - 1) * linear(width, width)
    return hidden + depth * norm_size + linear(width, outputs)


def patch_numbers(images: SquareImages) -> int:
    """Numbers of one patch."""
    return images.channels * PATCH_SIDE**2


def patch_embedding(width: int, images: SquareImages, frames: int = 1) -> int:
    """A map of every patch, and a vector of each position."""
    positions = frames * pixels(images) // PATCH_SIDE**2
    return linear(patch_numbers(images), width) + positions * width


def patch_attention(width: int) -> int:
    """Queries, keys, values and the way out."""
    return 4 * linear(width, width, bias=False)


def patch_feed_forward(width: int) -> int:
    """Up and down again."""
    wide = FEED_FORWARD_FACTOR * width
    return linear(width, wide) + linear(wide, width)


def time_embedding(width: int) -> int:
    """Parameters of the embedding of a diffusion's time."""
    return linear(TIME_FEATURES, width) + linear(width, width)


def labelled_perceptron(
    width: int,
    depth: int,
    images: SquareImages,
    classes: int,
    kind: Literal["none", "layernorm", "rmsnorm"],
) -> int:
    """From an image's numbers to its classes."""
    return perceptron(width, depth, numbers(images), classes, norm(kind, width))
