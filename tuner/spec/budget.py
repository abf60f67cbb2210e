"""The most that a study's trials may cost."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tuner.spec.submitted import Submitted


class Budget(Submitted):
    """The most that all trials of a study may take, in one of two units.

    It plans the widths, updates and trials that a study leaves open, and ends its measurement.
    """

    gpu_hours: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Hours of one slot, a GPU or a CPU core, summed over slots; counted by the speed that the
    study's own trials have shown."""
    flops_percent: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Of the FLOPs of training the target once."""

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            words = " and ".join(given) or "neither gpu_hours nor flops_percent"
            raise ValueError(f"{words} given: give one of gpu_hours and flops_percent")
        return self

    @property
    def words(self) -> str:
        """As people say it."""
        if self.gpu_hours is not None:
            return f"budget of {self.gpu_hours:g} slot hours"
        return f"budget of {self.flops_percent:g} % of the target's FLOPs"
