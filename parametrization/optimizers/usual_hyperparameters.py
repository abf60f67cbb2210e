"""Hyperparameters that many optimizers have, with the range and the words that all share."""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.declaration import Hyperparameter, Range

WEIGHT_DECAY: Final = Hyperparameter(
    default=0.0, words="As torch takes it: multiplied by the learning rate."
)
NO_L2: Final[Mapping[str, str]] = {
    "weight_decay": "L2 in the gradient is normalised away, so no rule keeps its strength over"
    " widths: leave it out, or use adamw, which decays the weights themselves"
}
"""Refusal of weight decay where it could only be L2 in the gradient."""


def memory(default: float) -> Hyperparameter:
    """The share of an average that one update keeps: a beta or a momentum."""
    return Hyperparameter(default=default, range=Range.FRACTION)


def epsilon(default: float, *, gradient_power: float = 1) -> Hyperparameter:
    """Epsilon, added to a root of squared gradients (power 1) or to squared gradients (power 2)."""
    return Hyperparameter(default=default, gradient_power=gradient_power)


def positive(default: float) -> Hyperparameter:
    """A number above zero that no axis scales."""
    return Hyperparameter(default=default, range=Range.POSITIVE)


def moments(beta1: float, beta2: float, small: float) -> dict[str, Hyperparameter]:
    """Adam's: memories of gradients and of squared gradients, and epsilon."""
    return {"beta1": memory(beta1), "beta2": memory(beta2), "epsilon": epsilon(small)}
