"""Reckon with moments in SQL, alike on SQLite and PostgreSQL."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Float, Text, cast, extract, func
from sqlalchemy.orm import Session

_DAY_SECONDS: Final = 86_400.0


def seconds_between(session: Session, begin: Any, end: Any) -> ColumnElement[float]:  # noqa: ANN401  columns
    """Seconds from one moment to another, to a tenth of a millisecond."""
    if _is_postgresql(session):
        return cast(extract("epoch", end - begin), Float)
    days: ColumnElement[float] = func.julianday(end, type_=Float()) - func.julianday(
        begin, type_=Float()
    )
    return days * _DAY_SECONDS


def day_of(session: Session, moment: Any) -> ColumnElement[str]:  # noqa: ANN401  a column
    """The day of a moment in UTC, such as `2026-11-28`."""
    if _is_postgresql(session):
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD", type_=Text())
    return func.date(moment, type_=Text())


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
