"""The base class of every record, which recommendations share with the library that reads them."""

from parametrization.recommendation.record import Record

__all__ = ["Record"]
