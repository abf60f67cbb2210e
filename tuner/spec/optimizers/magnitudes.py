"""Numbers of an optimizer that the scaling rules could not multiply without leaving the floats."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tuner.spec.optimizers.distributions import CategoricalDistribution, Distribution
from tuner.spec.optimizers.records import SearchedOptimizer

SMALLEST: Final = 1e-30
LARGEST: Final = 1e30
"""Between them, a rate times a ratio times a multiplier times every factor of the rules is neither
0 nor infinite."""
MOST_STEPS: Final = 10**6
"""Values of a distribution with a step."""


def beyond_floats(optimizers: Sequence[SearchedOptimizer]) -> Iterator[tuple[str, str]]:
    """(JSON pointer, what to change) for every number that is too large or too small."""
    for i, config in enumerate(optimizers):
        for name, value in config.fixed.items():
            yield from unscalable(f"/optimizers/{i}/{name}", {"": value})
        for name, distribution in config.searched.items():
            yield from undrawable(f"/optimizers/{i}/{name}", distribution)


def undrawable(pointer: str, distribution: Distribution) -> Iterator[tuple[str, str]]:
    """(JSON pointer, what to change) where a distribution goes too far or has too many values.

    Args:
        pointer: of the distribution.

    """
    yield from unscalable(pointer, _ends(distribution))
    yield from _too_many(pointer, distribution)


def _ends(distribution: Distribution) -> Mapping[str, float]:
    if isinstance(distribution, CategoricalDistribution):
        return {f"/choices/{i}": choice for i, choice in enumerate(distribution.choices)}
    return {"/low": distribution.low, "/high": distribution.high}


def unscalable(pointer: str, values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """(JSON pointer, what to change) for every value that would be 0 or infinite once scaled.

    Args:
        pointer: of what has the values.
        values: by the rest of their pointers.

    """
    for where, value in values.items():
        if value and not SMALLEST <= abs(value) <= LARGEST:
            yield (
                f"{pointer}{where}",
                f"{value:.3g} would leave the range of floating-point numbers once scaled: use 0"
                f" where it is allowed, or a size from {SMALLEST:g} to {LARGEST:g}",
            )


def _too_many(pointer: str, distribution: Distribution) -> Iterator[tuple[str, str]]:
    if isinstance(distribution, CategoricalDistribution) or distribution.step is None:
        return
    if distribution.high - distribution.low > MOST_STEPS * distribution.step:
        yield (
            f"{pointer}/step",
            f"from {distribution.low:.6g} to {distribution.high:.6g} there are more than"
            f" {MOST_STEPS} steps of {distribution.step:.3g}: give a larger step, or log",
        )
