"""Fields of what is searched of training: shapes to choose from, and a range for each number."""

from typing import Any, Final, NamedTuple

from app.dashboard.submit.fields import Field, field_at
from app.routes.catalogue import NumberOption, ShapeOption, list_schedules

UNDER: Final = "/search/training"
_OF_SCHEDULE: Final = ("warmup_fraction", "warmup_min_steps", "decay_fraction", "final_fraction")
_OF_TRAINING: Final = (
    "gradient_clip_norm",
    "gradient_clip_value",
    "gradient_clip_percentile",
    "average_fraction",
)


class NumberField(NamedTuple):
    """A number that some shapes of a schedule take, and those shapes."""

    field: Field
    shapes: tuple[str, ...]


class SearchedFields(NamedTuple):
    shapes: tuple[ShapeOption, ...]
    fields: tuple[Field, ...]
    numbers: tuple[NumberField, ...]


def searched_fields(schema: dict[str, Any]) -> SearchedFields:
    """Fields of what can be searched; shapes that grow the batch cannot."""
    shapes = tuple(one for one in list_schedules().schedules if not one.grows_batch)
    placed = [(f"/training/schedule/{name}", name) for name in _OF_SCHEDULE]
    placed += [(f"/training/{name}", name) for name in _OF_TRAINING]
    fields = tuple(_searched(field_at(schema, own), f"{UNDER}/{name}") for own, name in placed)
    takers: dict[str, list[ShapeOption]] = {}
    for shape in shapes:
        for number in shape.numbers:
            takers.setdefault(number.name, []).append(shape)
    return SearchedFields(shapes, fields, tuple(map(_number, takers, takers.values())))


def _searched(own: Field, pointer: str) -> Field:
    """A range in the place of the value that is trained with where nothing is searched."""
    kind = "whole_range" if own.kind == "integer" else "range"
    return own._replace(
        pointer=pointer, kind=kind, default="" if own.default == "none" else own.default
    )


def _number(name: str, takers: list[ShapeOption]) -> NumberField:
    number = next(one for one in takers[0].numbers if one.name == name)
    words = f"{number.description.rstrip('.')}, {_limits(number)}"
    field = Field(
        pointer=f"{UNDER}/numbers/{name}",
        label=name.replace("_", " ").capitalize(),
        kind="whole_range" if number.whole else "range",
        choices=(),
        default=f"{number.default:g}",
        words=f"{words}; of {' and '.join(shape.name for shape in takers)}",
    )
    return NumberField(field, tuple(shape.name for shape in takers))


def _limits(number: NumberOption) -> str:
    return f"{number.minimum:g} to {number.maximum:g}"
