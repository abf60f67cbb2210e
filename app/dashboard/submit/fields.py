"""Fields of a form, read off the JSON Schema of the document that it writes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

Schema = Mapping[str, Any]


COLUMN: Final = 16
"""Characters that a select shows in one column of the form."""


class Field(NamedTuple):
    """One input; what is left empty is left out of the document."""

    pointer: str
    """JSON pointer (RFC 6901) to its value in the document."""
    label: str
    kind: str
    """Kind of its value: `integer`, `number`, `string`, `boolean`; `integers`, a list; `range` and
    `whole_range`, a distribution."""
    choices: tuple[str, ...]
    """Values to choose from; none where one is typed."""
    default: str
    """Default, shown while the input is empty."""
    words: str

    @property
    def id(self) -> str:
        """Id of the input in the page."""
        return self.pointer.strip("/").replace("/", "-").replace("_", "-")

    @property
    def is_long(self) -> bool:
        """True if a value that it may show is longer than a column."""
        longest = max(map(len, (self.default, *self.choices))) + len(" (default)")
        return self.kind == "integers" or (bool(self.choices) and longest > COLUMN)

    @property
    def short(self) -> str:
        """The first sentence of its description."""
        return self.words.partition(". ")[0].rstrip(".")


_LABELS: Final = {
    "/budget/gpu_hours": "GPU hours",
    "/budget/flops_percent": "% of target FLOPs",
    "/budget/cost": "Cost",
    "/measure/widths": "Widths to measure",
    "/measure/seeds": "Seeds per rate",
    "/measure/plan": "Plan",
    "/control": "Control",
    "/training/steps": "Updates",
    "/search/trials": "Search trials",
}


def field_at(schema: Schema, pointer: str) -> Field:
    """The field of one place in the document that a schema describes.

    Raises:
        KeyError: if the schema has no such place.

    """
    at: Schema = schema
    for part in pointer.strip("/").split("/"):
        at = _plain(_plain(at, schema)["properties"][part], schema)
    field = _field(pointer, at)
    assert field is not None, f"{pointer} is no single value"
    return field


def simple_fields(schema: Schema, under: str) -> tuple[Field, ...]:
    """One field for every single value that an object holds, but its name."""
    return tuple(_simple_fields(schema, under))


def _simple_fields(schema: Schema, under: str) -> Iterator[Field]:
    for name, value in schema["properties"].items():
        field = _field(f"{under}/{name}", _plain(value, schema))
        if name != "name" and field is not None:
            yield field


def _field(pointer: str, at: Schema) -> Field | None:
    described = at.get("description", "").replace("`", "").replace("muP", "μP")
    kind, words = at.get("type"), " ".join(described.split())
    if kind == "array" and at.get("items", {}).get("type") == "integer":
        kind = "integers"
    if kind not in ("integer", "number", "string", "boolean", "integers"):
        return None
    only = (at["const"],) if "const" in at else ()
    choices = ("true", "false") if kind == "boolean" else tuple(at.get("enum", only))
    name = pointer.rpartition("/")[2].replace("_", " ").capitalize()
    return Field(
        pointer,
        _LABELS.get(pointer, name),
        kind,
        choices,
        _default(at.get("default"), words),
        words,
    )


def _default(value: object, words: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value not in (None, "", []):
        return str(value)
    said = words.partition("Default: ")[2]
    return said.partition(".")[0]


def _plain(at: Schema, root: Schema) -> Schema:
    """The schema without references and without null, with what is said beside them."""
    beside = {name: at[name] for name in ("default", "description") if name in at}
    if "$ref" in at:
        named = root["$defs"][at["$ref"].rpartition("/")[2]]
        return {**_plain(named, root), **beside}
    given = [one for one in at.get("anyOf", ()) if one.get("type") != "null"]
    return {**_plain(given[0], root), **beside} if len(given) == 1 else at
