"""Read whole numbers as people write large ones."""

from decimal import Decimal, InvalidOperation
from typing import Final

_MOST_DIGITS: Final = 100


def whole_number(text: str) -> int | None:
    """The whole number that a text is; None if it is none, or has more than a hundred digits.

    >>> [whole_number(text) for text in ("64", "1e11", "2.5E3", "64.0", "1.5", "1e999", "x")]
    [64, 100000000000, 2500, 64, None, None, None]

    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        return None
    return int(number) if number == number.to_integral_value() else None
