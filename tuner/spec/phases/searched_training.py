"""Searched fields of a study's training, each with its distribution.

Drawn values are a flat mapping by name: `shape`, `warmup_fraction`, `gradient_clip_norm`, and
`numbers.exponent` for a number of the schedule's shape.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, PositiveFloat

from parametrization.optimizers.registry import declared
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import DeclaredShape, declared_shape
from tuner.spec.optimizers.distributions import Distribution
from tuner.spec.optimizers.ends import EndsWithin
from tuner.spec.submitted import Submitted

Drawn: TypeAlias = Mapping[str, float | str]
"""Values of searched fields by name."""
NUMBERS: Final = "numbers."
_SHAPE: Final = "shape"
_OF_THE_FALL: Final = frozenset({_SHAPE, "decay_fraction", "final_fraction"})
OF_SCHEDULES: Final = frozenset(field.name for field in fields(Schedule))

FromZero = Annotated[
    Distribution | None, AfterValidator(EndsWithin(Annotated[float, Field(ge=0, lt=1)]))
]
AboveZero = Annotated[
    Distribution | None, AfterValidator(EndsWithin(Annotated[float, Field(gt=0, le=1)]))
]
Closed = Annotated[
    Distribution | None, AfterValidator(EndsWithin(Annotated[float, Field(ge=0, le=1)]))
]
Percentile = Annotated[
    Distribution | None, AfterValidator(EndsWithin(Annotated[float, Field(gt=0, le=100)]))
]
Updates = Annotated[
    Distribution | None, AfterValidator(EndsWithin(Annotated[int, Field(ge=0, le=10_000_000)]))
]
Limit = Annotated[Distribution | None, AfterValidator(EndsWithin(PositiveFloat))]


class ShapeChoices(Submitted):
    """One of the listed shapes."""

    type: Literal["categorical"]
    choices: tuple[Annotated[str, DeclaredShape()], ...] = Field(min_length=1)


class SearchedTraining(Submitted):
    """Fields of `training` and of its schedule that are searched.

    The result has to beat the values that `training` gives.
    """

    shape: ShapeChoices | None = None
    """Of the schedule: `{"type": "categorical", "choices": ["linear", "cosine", "wsd"]}`."""
    warmup_fraction: FromZero = None
    warmup_min_steps: Updates = None
    decay_fraction: AboveZero = None
    """Read by the shapes `wsd` and `wsd_sqrt` alone."""
    final_fraction: Closed = None
    numbers: dict[str, Distribution] = Field(default={})
    """Of the schedule's shape, by name; each counts for the trials whose shape takes it."""
    gradient_clip_norm: Limit = None
    gradient_clip_value: Limit = None
    gradient_clip_percentile: Percentile = None
    average_fraction: AboveZero = None
    """For families that are compared by a validation loss: the average changes nothing else."""

    @property
    def given(self) -> dict[str, Distribution | ShapeChoices]:
        """Every distribution by the name of its field."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name != "numbers"}
        own |= {NUMBERS + name: value for name, value in self.numbers.items()}
        return {name: value for name, value in own.items() if value is not None}

    def given_to(self, optimizer: str) -> dict[str, Distribution | ShapeChoices]:
        """The distributions that this optimizer reads; averaging ones read none of the decay."""
        if declared(optimizer).decays:
            return self.given
        return {name: value for name, value in self.given.items() if not _of_the_fall(name)}


def fields_drawn(schedule: Schedule, drawn: Drawn) -> dict[str, Any]:
    """Fields of a training with this schedule once values are drawn for some.

    A shape that is drawn has its own numbers: those drawn for it, the others at their defaults.
    """
    shape = str(drawn.get(_SHAPE, schedule.shape))
    takes = declared_shape(shape).numbers
    numbers = dict(schedule.numbers) if shape == schedule.shape else {}
    for name, value in drawn.items():
        own = name.removeprefix(NUMBERS)
        if name.startswith(NUMBERS) and own in takes:
            numbers[own] = float(value)
    changed: dict[str, Any] = {
        name: value for name, value in drawn.items() if name in OF_SCHEDULES and name != _SHAPE
    }
    if "warmup_min_steps" in changed:
        changed["warmup_min_steps"] = int(changed["warmup_min_steps"])
    changed |= {"shape": shape, "numbers": numbers, "plugin": None}
    beside = {
        name: value
        for name, value in drawn.items()
        if name not in OF_SCHEDULES and not name.startswith(NUMBERS)
    }
    return beside | {"schedule": replace(schedule, **changed)}


def _of_the_fall(name: str) -> bool:
    return name in _OF_THE_FALL or name.startswith(NUMBERS)
