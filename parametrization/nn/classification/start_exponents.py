"""Measure the power of width that the size of a model's own start follows.

Torch's layers draw within 1/sqrt(fan-in), transformers' with one standard deviation at any width:
the factor that turns a start into muP's differs between the two.
"""

import math
from collections.abc import Mapping
from typing import Final

from torch import Tensor

from parametrization.nn.classification.starts import largest_default, values_of
from parametrization.nn.parameter_names import OwnedParameter

_SURE: Final = 1e-3
"""Chance of taking a uniform draw of torch's for another one."""
_DEVIATIONS: Final = 3.5
_EXACT: Final = 1e-6  # of formulas, such as an identity
_NORMAL: Final = 3.0  # kurtosis of a normal draw
_HEAVY: Final = 4.5  # which no sample of one that is large enough to tell a power has
_CERTAIN: Final = 3.0
"""Deviations of the measured power between a half and the next."""


def start_exponents(
    base: Mapping[str, OwnedParameter], other: Mapping[str, OwnedParameter], ratio: float
) -> dict[str, float | None]:
    """Powers by name, in steps of a half; None without memory, or if no such power fits.

    Args:
        ratio: width of the other model over that of the base.

    """
    return {name: _exponent(base[name], other[name], ratio) for name in base}


def _exponent(base: OwnedParameter, other: OwnedParameter, ratio: float) -> float | None:
    a, b = values_of(base.parameter), values_of(other.parameter)
    if a is None or b is None or not a.numel() or not b.numel():
        return None
    if _single(a) and _single(b) and float(a.flatten()[0]) == float(b.flatten()[0]):
        return 0.0
    bounds = largest_default(base.owner), largest_default(other.owner)
    if bounds[0] and bounds[1] and _fills(a, bounds[0]) and _fills(b, bounds[1]):
        return math.log(bounds[1] / bounds[0], ratio)
    sizes = [float(x.double().square().mean().sqrt()) for x in (a, b)]
    if not all(sizes) or not all(map(math.isfinite, sizes)):
        return None
    power = math.log(sizes[1] / sizes[0], ratio)
    deviation = math.hypot(_deviation(a), _deviation(b)) / abs(math.log(ratio))
    nearest = round(2 * power) / 2 + 0.0
    away = abs(power - nearest)
    fits = away <= _DEVIATIONS * deviation + _SURE and _CERTAIN * deviation < 1 / 4
    return nearest if fits or away <= _EXACT else None


def _deviation(values: Tensor) -> float:
    """Relative standard deviation of the rms of as many draws; larger where most are tiny."""
    squares = values.double().square()
    kurtosis = float(squares.square().mean() / squares.mean().square())
    return math.sqrt(((kurtosis if kurtosis > _HEAVY else _NORMAL) - 1) / values.numel()) / 2


def _single(values: Tensor) -> bool:
    return bool((values == values.flatten()[0]).all())


def _fills(values: Tensor, bound: float) -> bool:
    """True if the values may be uniform up to the bound: none beyond it, some close to it."""
    largest = float(values.abs().max())
    least = min(0.8, _SURE ** (1 / values.numel()))
    return bool(least * bound <= largest <= bound * (1 + _SURE))
