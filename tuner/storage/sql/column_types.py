"""Types of columns that behave alike on both databases."""

import datetime as dt
import math

from sqlalchemy import BigInteger, DateTime, Float, Integer, TypeDecorator
from sqlalchemy.engine import Dialect


class UtcDateTime(TypeDecorator[dt.datetime]):
    """Aware UTC timestamps on databases that keep zones and on SQLite, which does not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(
        self, value: dt.datetime | None, dialect: Dialect
    ) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class FiniteFloat(TypeDecorator[float]):
    """Double precision, never NaN or infinite: what is not finite is NULL, with a reason."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        if value is not None and not math.isfinite(value):
            raise ValueError(f"only finite numbers are stored, got {value}")
        return value


BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys alone
