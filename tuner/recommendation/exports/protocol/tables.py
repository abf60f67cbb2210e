"""Read tables of patterns the way that frameworks match them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuner.recommendation.exports.protocol.export import Factor, Reading, TensorReading


def reading_of_patterns(table: Mapping[str, Sequence[Any]], factor: Factor | None) -> Reading:
    """A snippet's rows by tensor name: of the pattern that the whole name matches.

    Args:
        table: (initial std, constant, multiplier, rate, decay, epsilon, ...) by expression.

    """

    def of(name: str) -> TensorReading:
        row = first_match(table.items(), name)
        std, _, multiplier, rate, decay, epsilon = row[:6]
        return TensorReading(rate, decay, epsilon, std, multiplier)

    return Reading(of, factor)


def first_match(table: Iterable[tuple[str, Any]], name: str) -> Any:  # noqa: ANN401  a row
    """The row of the first expression that is found in the name, as `re.search` finds it.

    Raises:
        LookupError: if there is none.

    """
    for expression, row in table:
        if re.search(expression, name):
            return row
    raise LookupError(f"no pattern claims {name}")
