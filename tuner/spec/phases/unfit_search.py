"""Find searched fields of training that the rest of a study contradicts."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from parametrization.optimizers.registry import declared
from parametrization.recommendation.target import Comparison
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.declaration import ShapeNumber
from parametrization.schedules.registry import SHAPES
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.optimizers.distributions import (
    CategoricalDistribution,
    Distribution,
    FloatDistribution,
)
from tuner.spec.optimizers.magnitudes import undrawable
from tuner.spec.phases.searched_training import SearchedTraining, ShapeChoices

CLIPPING: Final = ("gradient_clip_norm", "gradient_clip_value", "gradient_clip_percentile")
_AT: Final = "/search/training"


class Around(NamedTuple):
    """The settings that searched fields have to agree with.

    Attributes:
        schedule: the study's own.
        clips: fields of clipping that the study's own training sets.
        comparison: the measure that trials are compared by.
        optimizers: by name.

    """

    family: ModelFamily
    schedule: Schedule
    clips: tuple[str, ...]
    comparison: Comparison
    optimizers: tuple[str, ...]


def unfit_search(searched: SearchedTraining, spec: Around) -> Iterator[tuple[str, str]]:
    """(JSON pointer, what to change) for every searched field that disagrees with another one."""
    if not searched.given:
        yield (_AT, "no field is searched: name one, or leave training out of search")
    if spec.family.is_external and spec.comparison.metric == "train_loss":
        yield (
            _AT,
            "the losses of your own trainer are compared over the second half of training,"
            " which prefers schedules that fall early: compare by validation_loss, or leave"
            " training out of search",
        )
    for name, distribution in searched.given.items():
        if not isinstance(distribution, ShapeChoices):
            yield from undrawable(f"{_AT}/{name.replace('.', '/')}", distribution)
    yield from _growing_batches(spec, searched)
    yield from _unfit_numbers(spec, searched)
    yield from _unfit_clipping(spec, searched)
    yield from _unfit_average(spec, searched)


def _shapes(spec: Around, searched: SearchedTraining) -> tuple[str, ...]:
    """Every shape that a trial of the study may have."""
    own = spec.schedule.shape
    return tuple(dict.fromkeys((own, *(searched.shape.choices if searched.shape else ()))))


def _growing_batches(spec: Around, searched: SearchedTraining) -> Iterator[tuple[str, str]]:
    for shape in _shapes(spec, searched):
        if SHAPES[shape].batch_stages is not None:
            yield (
                f"{_AT}/shape" if searched.shape else _AT,
                f"{shape} grows the batch: its trials would see other numbers of tokens in the same"
                " updates, and their losses could not be compared; leave it out, and give it a"
                " study of its own",
            )


def _unfit_numbers(spec: Around, searched: SearchedTraining) -> Iterator[tuple[str, str]]:
    shapes = _shapes(spec, searched)
    for name, distribution in searched.numbers.items():
        takers = [shape for shape in shapes if name in SHAPES[shape].numbers]
        pointer = f"{_AT}/numbers/{name}"
        if not takers:
            yield (pointer, f"none of {', '.join(shapes)} takes a number {name}: leave it out")
        for shape in takers:
            if problem := _problem(SHAPES[shape].numbers[name], distribution):
                yield (pointer, f"{shape}'s {name} {problem}")


def _problem(number: ShapeNumber, distribution: Distribution) -> str | None:
    if isinstance(distribution, CategoricalDistribution):
        drawn = distribution.choices
    else:
        drawn = (float(distribution.low), float(distribution.high))
        if number.whole and isinstance(distribution, FloatDistribution):
            return "is a whole number: search it as int or categorical"
    return next((words for value in drawn if (words := number.problem(value))), None)


def _unfit_clipping(spec: Around, searched: SearchedTraining) -> Iterator[tuple[str, str]]:
    ways = [way for way in CLIPPING if way in searched.given]
    for way in ways:
        others = [other for other in (*spec.clips, *ways) if other != way]
        if others:
            yield (f"{_AT}/{way}", f"{others[0]} clips already: leave one of them out")
    for way in ways if spec.family.is_external else ():
        if way != CLIPPING[0]:
            yield (f"{_AT}/{way}", "your own trainer clips by gradient_clip_norm alone")


def _unfit_average(spec: Around, searched: SearchedTraining) -> Iterator[tuple[str, str]]:
    if searched.average_fraction is None:
        return
    pointer = f"{_AT}/average_fraction"
    if spec.family.is_external:
        yield (pointer, "your own trainer averages its weights itself: leave it out")
    elif spec.comparison.metric != "validation_loss":
        yield (
            pointer,
            f"an average of the weights changes nothing that trials are compared by, the"
            f" {spec.comparison.words}: give it in training, or leave it out",
        )
    for optimizer in spec.optimizers:
        if declared(optimizer).evaluation_point:
            yield (pointer, f"{optimizer} averages the weights by itself: leave it out")
