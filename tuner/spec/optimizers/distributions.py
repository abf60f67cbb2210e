"""Define the distributions of searched hyperparameters, in Optuna's vocabulary."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from tuner.spec.submitted import Submitted


class FloatDistribution(Submitted):
    """Real interval [low, high], sampled on a log scale if `log`."""

    type: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False
    step: PositiveFloat | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"empty range: low={self.low} must be below high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs low > 0, got low={self.low}")
        if self.log and self.step is not None:
            raise ValueError("log and step cannot be combined")
        return self


class IntDistribution(Submitted):
    """Whole numbers low, low + step, ... up to high."""

    type: Literal["int"]
    low: int
    high: int
    log: bool = False
    step: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"empty range: low={self.low} must be below high={self.high}")
        if self.log and (self.low <= 0 or self.step != 1):
            raise ValueError(f"log needs low > 0 and step 1, got low={self.low}, step={self.step}")
        return self


class CategoricalDistribution(Submitted):
    """One of the listed numbers."""

    type: Literal["categorical"]
    choices: tuple[float, ...] = Field(min_length=1)


Distribution = Annotated[
    FloatDistribution | IntDistribution | CategoricalDistribution, Field(discriminator="type")
]
