"""Define the distributions of searched hyperparameters, in Optuna's vocabulary."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, PositiveFloat, model_validator

from tuner.spec.submitted import Submitted

MOST: Final = 2**53
"""Beyond this, floating-point numbers do not represent every whole number."""


def _require_type(schema: dict[str, Any]) -> None:
    """Make `type` required in the schema: it tells a range from other distributions."""
    del schema["properties"]["type"]["default"]
    schema["required"] = ["type", *schema["required"]]


class FloatDistribution(Submitted):
    """Real interval [low, high], sampled on a log scale if `log`."""

    model_config = ConfigDict(json_schema_extra=_require_type)

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
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(_longer_than_range(self.step, self.high - self.low))
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
        if max(abs(self.low), abs(self.high), self.step) > MOST:
            raise ValueError(f"low, high and step must be from -{MOST} to {MOST}")
        if not self.low < self.high:
            raise ValueError(f"empty range: low={self.low} must be below high={self.high}")
        if self.step > self.high - self.low:
            raise ValueError(_longer_than_range(self.step, self.high - self.low))
        if self.log and (self.low <= 0 or self.step != 1):
            raise ValueError(f"log needs low > 0 and step 1, got low={self.low}, step={self.step}")
        return self


def _longer_than_range(step: float, size: float) -> str:
    return f"step {step} is more than high - low, {size}: nothing would be searched; lower it"


class CategoricalDistribution(Submitted):
    """One of the listed numbers."""

    type: Literal["categorical"]
    choices: tuple[float, ...] = Field(min_length=1)


Distribution = Annotated[
    FloatDistribution | IntDistribution | CategoricalDistribution, Field(discriminator="type")
]
