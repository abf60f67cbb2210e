"""Define the kinds of text that queries take."""

import datetime as dt
import re
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

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
