"""Define the kinds of text that queries take."""

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC: give one inside") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with its zone, such as `2026-11-28T16:00:00Z`."""
