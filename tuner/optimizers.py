"""Optimizers that a study can name: their hyperparameters, fixed or searched.

A hyperparameter is a number, or a distribution in Optuna's vocabulary: then it is searched.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from parametrization.rules import Optimizer
from tuner.records import Record


class FloatDistribution(Record):
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


class IntDistribution(Record):
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


class CategoricalDistribution(Record):
    """One of the listed numbers."""

    type: Literal["categorical"]
    choices: tuple[float, ...] = Field(min_length=1)


Distribution = Annotated[
    FloatDistribution | IntDistribution | CategoricalDistribution, Field(discriminator="type")
]

LEARNING_RATE_RANGE = FloatDistribution(low=2.0**-10, high=2.0**-2, log=True)


class _SearchedOptimizer(Record):
    learning_rate: FloatDistribution = LEARNING_RATE_RANGE
    """Peak rate at the base width. Always searched: it is what transfers."""
    init_std: Annotated[float, Field(gt=0)] | Distribution = 1.0
    """Factor on every weight matrix's initial standard deviation."""
    output_multiplier: Annotated[float, Field(gt=0)] | Distribution = 1.0
    """Factor on the readout's output, besides the parametrization's own."""

    @model_validator(mode="after")
    def _rate_is_positive_and_logarithmic(self) -> Self:
        if self.learning_rate.low <= 0:
            raise ValueError(f"learning rates are positive, got low={self.learning_rate.low}")
        if not self.learning_rate.log:
            raise ValueError("a learning rate is searched on a log scale: set log to true")
        return self

    @property
    def searched(self) -> dict[str, FloatDistribution | IntDistribution | CategoricalDistribution]:
        """The hyperparameters given as distributions, by name."""
        return {
            name: value
            for name in type(self).model_fields
            if not isinstance(value := getattr(self, name), str | float | int)
        }

    @property
    def fixed(self) -> dict[str, float]:
        """The hyperparameters given as numbers, by name."""
        return {
            name: float(value)
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), float | int)
        }


Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(_SearchedOptimizer):
    """Adam without weight decay: L2 in its gradient has no valid width rule."""

    name: Literal[Optimizer.ADAM]
    beta1: Beta | Distribution = 0.9
    beta2: Beta | Distribution = 0.95
    epsilon: Annotated[float, Field(ge=0)] | Distribution = 1e-8


class AdamW(_SearchedOptimizer):
    """Adam with decoupled weight decay (w -= learning_rate * weight_decay * w)."""

    name: Literal[Optimizer.ADAMW]
    beta1: Beta | Distribution = 0.9
    beta2: Beta | Distribution = 0.95
    epsilon: Annotated[float, Field(ge=0)] | Distribution = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] | Distribution = 0.0


class Sgd(_SearchedOptimizer):
    """SGD with heavy-ball momentum; weight decay is L2 in the gradient."""

    name: Literal[Optimizer.SGD]
    momentum: Beta | Distribution = 0.9
    weight_decay: Annotated[float, Field(ge=0)] | Distribution = 0.0


OptimizerConfig = Annotated[AdamW | Adam | Sgd, Field(discriminator="name")]
