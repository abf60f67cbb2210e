"""Every number that a submission has, found in its JSON schema, and values at and around limits."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]

EVERYWHERE: tuple[float, ...] = (
    *(-1, 0, 5e-324, 1 - 2**-53, 1 + 2**-52),
    *(2**63, 1.7976931348623157e308),
)
"""Tried for every number, whatever its limits: what floats, databases and rounding break at."""


class Number(NamedTuple):
    """One number of a document: the way to it, and its own limits."""

    way: tuple[str, ...]
    limits: tuple[float, ...]
    """With the whole numbers, or the floats, just in and out of them."""


def numbers(schema: Schema, definitions: Schema, way: tuple[str, ...] = ()) -> Iterator[Number]:
    """Every number below a schema, through references, unions and the items of lists."""
    if "$ref" in schema:
        yield from numbers(definitions[schema["$ref"].rpartition("/")[2]], definitions, way)
    for union in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(union, ()):
            yield from numbers(branch, definitions, way)
    if schema.get("type") in ("number", "integer"):
        yield Number(way, tuple(_around(schema)))
    for name, inner in schema.get("properties", {}).items():
        yield from numbers(inner, definitions, (*way, name))
    if isinstance(schema.get("items"), Mapping):
        yield from numbers(schema["items"], definitions, (*way, "[]"))


def _around(schema: Schema) -> Iterator[float]:
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if key in schema:
            limit = schema[key]
            near = 1 if schema["type"] == "integer" else 2**-40
            yield from (limit - near, limit, limit + near)
