"""Hold a distribution's ends to the limits of a fixed value."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError, ValidationInfo

from tuner.spec.optimizers.distributions import (
    CategoricalDistribution,
    Distribution,
    FloatDistribution,
    IntDistribution,
)
from tuner.spec.submitted import is_stored

Given = TypeVar("Given")
_DISTRIBUTIONS: Final = (FloatDistribution, IntDistribution, CategoricalDistribution)


class EndsWithin:
    """Requires that both ends of a distribution are allowed as fixed values."""

    def __init__(self, number: Any) -> None:  # noqa: ANN401  an annotated type
        self._number = number

    def __call__(self, value: Given, info: ValidationInfo) -> Given:
        """Refuse a distribution with an end, or a choice, that a fixed value could not have."""
        if not isinstance(value, _DISTRIBUTIONS) or is_stored(info):
            return value
        for name, end in _drawn(value):
            try:
                _adapter(self._number).validate_python(end)
            except ValidationError as error:
                words = error.errors()[0]["msg"].replace("Input should", "must", 1)
                raise ValueError(f"{name} {end:g}: {words}, like a fixed value") from error
        return value


def _drawn(value: Distribution) -> Iterator[tuple[str, float]]:
    if isinstance(value, CategoricalDistribution):
        yield from (("choice", choice) for choice in value.choices)
    else:
        yield from (("low", value.low), ("high", value.high))


@cache
def _adapter(number: Any) -> TypeAdapter[float]:  # noqa: ANN401  an annotated type
    return TypeAdapter(number)
