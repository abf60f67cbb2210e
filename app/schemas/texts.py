"""Define the kinds of text and number that queries take."""

import datetime as dt
import re
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from parametrization.text.whole import whole_number
from tuner.spec.target import BatchSize, Depth, Tokens, Width

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?\S+)?")
_SPACED_ZONE: Final = re.compile(r" (?=\d\d:\d\d$)")


def _written(asked: str) -> str:
    """The time as text that RFC 3339 knows.

    A + in a query is a space unless it is percent-encoded, so a zone after a space is one after +.
    Numbers, which could be seconds or milliseconds, are no times.

    >>> _written("2026-11-28T16:00:00 05:30")
    '2026-11-28T16:00:00+05:30'

    """
    if not _WRITTEN.fullmatch(asked):
        raise ValueError("must be a time with its zone, such as 2026-11-28T16:00:00Z")
    return _SPACED_ZONE.sub("+", asked)


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC: give one inside") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc)]
"""A time with its zone, such as `2026-11-28T16:00:00Z`."""


def _in_digits(asked: str) -> str:
    number = whole_number(asked)
    return asked if number is None else str(number)


_AS_PEOPLE_WRITE: Final = BeforeValidator(_in_digits)
"""Large numbers as 1e11 too."""
AskedWidth = Annotated[Width, _AS_PEOPLE_WRITE]
AskedDepth = Annotated[Depth, _AS_PEOPLE_WRITE]
AskedBatchSize = Annotated[BatchSize, _AS_PEOPLE_WRITE]
AskedTokens = Annotated[Tokens, _AS_PEOPLE_WRITE]
