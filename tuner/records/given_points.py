"""Points of a search that its owner gives: to be trained next, or known from elsewhere."""

from typing import Final

from parametrization.recommendation.record import Record
from tuner.spec.optimizers.name import Optimizer

GIVEN_POINT: Final = "widthwise:given_point"
"""Under this name a trial's attributes have the id of the point that it trains."""


class NewPoint(Record):
    """A point as it is given."""

    optimizer: Optimizer
    params: dict[str, float]
    """Of what the study searches; what is left out is proposed by the sampler."""
    value: float | None
    """The known result; None: to be trained next."""
    source: str = ""
    """Its origin, in words."""


class GivenPoint(NewPoint):
    id: int
