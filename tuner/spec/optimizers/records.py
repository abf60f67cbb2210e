"""Optimizers that a study can name: their hyperparameters, fixed or searched.

A hyperparameter is a number, or a distribution in Optuna's vocabulary: then it is searched. The
records are made from the declarations, one an optimizer.
"""

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PositiveFloat,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema

from parametrization.optimizers.declaration import OptimizerDeclaration, Range
from parametrization.optimizers.refused import refusal_of
from parametrization.optimizers.registry import OPTIMIZERS, PLUGINS, STUDIED
from parametrization.scaling.companions import flat_hyperparameters
from tuner.spec.optimizers.distributions import (
    CategoricalDistribution,
    Distribution,
    FloatDistribution,
    IntDistribution,
)
from tuner.spec.optimizers.ends import EndsWithin
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.plugins import PLUGIN, package_field
from tuner.spec.submitted import Submitted


@cache
def _searchable(number: Any) -> Any:  # noqa: ANN401  annotated types
    """A number of this type, or a distribution over such numbers."""
    return Annotated[number | Distribution, AfterValidator(EndsWithin(number))]


Multiplier = Annotated[PositiveFloat | Distribution, AfterValidator(EndsWithin(PositiveFloat))]


def _refuse_one_rate(given: Any) -> Any:  # noqa: ANN401  whatever was submitted
    """Refuse a single learning rate, and propose a range around it."""
    if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
        raise ValueError(
            "always searched, because it is what transfers: give a range around"
            f' {given:g}, such as {{"low": {given / 16:.3g}, "high": {given * 16:.3g},'
            ' "log": true}'
        )
    return given


SearchedRate = Annotated[FloatDistribution, BeforeValidator(_refuse_one_rate)]


class SearchedOptimizer(Submitted):
    """Fields that all optimizers of a study share."""

    name: Optimizer
    learning_rate: SearchedRate
    """Peak rate at the base width. Always searched: it is what transfers."""
    init_std: Multiplier = 1.0
    """Factor on every weight matrix's initial standard deviation."""
    output_multiplier: Multiplier = 1.0
    """Factor on the readout's output, besides the parametrization's own."""
    input_rate_multiplier: Multiplier = 1.0
    """Factor on the rate of first layers and lookup tables, at every width."""
    output_rate_multiplier: Multiplier = 1.0
    """Factor on the readout's rate, at every width."""
    vector_rate_multiplier: Multiplier = 1.0
    """Factor on the rate of biases, gains and scalars, at every width."""

    @model_validator(mode="after")
    def _rate_is_positive_and_logarithmic(self) -> Self:
        if self.learning_rate.low <= 0:
            raise ValueError(f"learning rates are positive, got low={self.learning_rate.low}")
        if not self.learning_rate.log:
            raise ValueError("a learning rate is searched on a log scale: set log to true")
        return self

    @property
    def plugin_used(self) -> str | None:
        """Package and version that it comes from; None if it is built in."""
        return self.__dict__.get(PLUGIN)

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


class _MadeFromDeclaration(SearchedOptimizer):
    """Has no source to read descriptions from: searching for it would double the API's start."""

    model_config = ConfigDict(use_attribute_docstrings=False)


_NUMBERS: Final[Mapping[Range, Any]] = {
    Range.POSITIVE: PositiveFloat,
    Range.NEGATIVE: Annotated[float, Field(lt=0)],
    Range.AT_LEAST_ZERO: Annotated[float, Field(ge=0)],
    Range.FRACTION: Annotated[float, Field(ge=0, lt=1)],
    Range.FRACTION_ABOVE_ZERO: Annotated[float, Field(gt=0, lt=1)],
}


def _record(declaration: OptimizerDeclaration) -> type[SearchedOptimizer]:
    name, (low, high) = declaration.name, declaration.log2_rates
    rates = FloatDistribution(low=2.0**low, high=2.0**high, log=True)
    fields: dict[str, Any] = {
        "name": (Literal[name], ...),
        "learning_rate": (SearchedRate, Field(default=rates, description=_rate_words)),
    }
    for hyperparameter, given in flat_hyperparameters(name).items():
        fields[hyperparameter] = (
            _searchable(_NUMBERS[given.range]),
            Field(default=given.default, description=given.words or None),
        )
    if package := PLUGINS.package_of(name):
        fields[PLUGIN] = package_field(package)
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(title, __base__=_MadeFromDeclaration, __doc__=declaration.words, **fields)


_rate_words: Final = SearchedOptimizer.model_fields["learning_rate"].description
RECORDS: Final[Mapping[str, type[SearchedOptimizer]]] = {
    name: _record(declaration) for name, declaration in STUDIED.items()
}
"""Records of a specification's optimizers, by the optimizer's name."""


class _OneOfTheRecords:
    """Gives pydantic the union of all records by name, which the type checker cannot know."""

    def __get_pydantic_core_schema__(
        self, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        union: Any = reduce(or_, RECORDS.values())
        return handler.generate_schema(
            Annotated[union, Field(discriminator="name"), BeforeValidator(_refused_with_the_reason)]
        )


def _refused_with_the_reason(given: object) -> object:
    """Refuse known optimizers that cannot be tuned with the reason, before pydantic's own error."""
    if not isinstance(given, Mapping):
        return given
    name = given.get("name")
    if not isinstance(name, str):
        return given
    if name not in OPTIMIZERS:
        if words := refusal_of(name) or PLUGINS.refusal_of(name):
            raise ValueError(words)
        return given
    declaration = OPTIMIZERS[name]
    if declaration.not_studied is not None:
        raise ValueError(f"a study cannot name {name}: {declaration.not_studied}")
    for hyperparameter, reason in declaration.refused.items():
        if hyperparameter in given:
            raise ValueError(f"{name} takes no {hyperparameter}: {reason}")
    return given


OptimizerConfig = Annotated[SearchedOptimizer, _OneOfTheRecords()]
