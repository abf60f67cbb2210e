"""The most that a study's trials may cost."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from tuner.spec.submitted import Submitted

SECONDS_OF_HOUR: Final = 3600.0
_UNITS: Final = ("gpu_hours", "flops_percent", "cost")


class Budget(Submitted):
    """The most that all trials of a study may take, in one of three units.

    It plans the widths, updates and trials that a study leaves open, and ends its measurement.
    """

    gpu_hours: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Hours of one slot, a GPU or a CPU core, summed over slots; counted by the speed that the
    study's own trials have shown."""
    flops_percent: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Of the FLOPs of training the target once."""
    cost: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """Of those hours at `price_per_hour`, in its currency."""
    price_per_hour: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Of one slot; with `cost` alone. Default: the service's, as it is when the study is
    submitted."""

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        given = [name for name in _UNITS if getattr(self, name) is not None]
        if len(given) != 1:
            words = " and ".join(given) or "neither gpu_hours nor flops_percent nor cost"
            raise ValueError(f"{words} given: give one of gpu_hours, flops_percent and cost")
        if self.price_per_hour is not None and self.cost is None:
            raise ValueError("price_per_hour without cost: leave it out, or give cost")
        return self

    @property
    def unit(self) -> str:
        """The unit that it is given in."""
        return next(name for name in _UNITS if getattr(self, name) is not None)

    @property
    def hours(self) -> float | None:
        """Hours of slots; None of a share of FLOPs, and of a cost whose price is not known."""
        if self.cost is None or self.price_per_hour is None:
            return self.gpu_hours
        return self.cost / self.price_per_hour

    @property
    def words(self) -> str:
        """The budget in words.

        >>> Budget(cost=12, price_per_hour=2.5).words
        'budget of 12 at 2.5 an hour of a slot'
        """
        if self.gpu_hours is not None:
            return f"budget of {self.gpu_hours:g} slot hours"
        if self.cost is not None:
            return f"budget of {self.cost:g} at {self.price_per_hour or 0:g} an hour of a slot"
        return f"budget of {self.flops_percent:g} % of the target's FLOPs"
