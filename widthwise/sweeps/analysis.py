"""What a sweep that a user has says of a wider model, as `parametrization.sweeps` computes it."""

from parametrization.sweeps.analysis import UNCHECKED, Analysis, analyse, curves_of

__all__ = ["UNCHECKED", "Analysis", "analyse", "curves_of"]
