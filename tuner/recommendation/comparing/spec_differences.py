"""Find the fields in which specifications differ."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from parametrization.recommendation.record import Record
from tuner.spec.study import StudySpec

Json = Any
"""A JSON value."""

_ABOUT: Final = frozenset({"name", "project", "labels", "priority"})
"""Fields that name a study: they change no trial."""


class Difference(Record):
    """A field that differs among the specifications."""

    pointer: str
    """JSON pointer into the specification; optimizers stand under their names."""
    values: dict[str, Json]
    """By study; one that has no such field is left out."""


def differences(specs: Mapping[str, StudySpec]) -> tuple[Difference, ...]:
    """Every field in which specifications differ, in the order in which they are documented.

    Where one has an object and others nothing, its fields differ, and not the object besides.

    Args:
        specs: by study.

    """
    flat = {study: dict(_fields(spec)) for study, spec in specs.items()}
    pointers = dict.fromkeys(pointer for fields in flat.values() for pointer in fields)
    found = []
    for pointer in pointers:
        values = {study: fields[pointer] for study, fields in flat.items() if pointer in fields}
        nothing = all(value is None or value is False for value in values.values())
        if nothing and any(other.startswith(f"{pointer}/") for other in pointers):
            continue
        first = next(iter(values.values()))
        if len(values) < len(flat) or any(value != first for value in values.values()):
            found.append(Difference(pointer=pointer, values=values))
    return tuple(found)


def _fields(spec: StudySpec) -> Iterator[tuple[str, Json]]:
    for name, value in spec.model_dump(mode="json").items():
        if name not in _ABOUT:
            yield from leaves(f"/{name}", value)


def leaves(pointer: str, value: Json) -> Iterator[tuple[str, Json]]:
    """The values below a pointer that are no objects; lists of named objects are by name."""
    if isinstance(value, list) and value and all(_is_named(one) for one in value):
        value = {one["name"]: one for one in value}
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(f"{pointer}/{_escaped(name)}", inner)
    else:
        yield pointer, value


def _is_named(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
