"""Turn pydantic's validation errors into field errors that point into the submitted document."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, Literal, NamedTuple

from app.http.problems import FieldCode, FieldError

Location = Literal["body", "query", "header", "path"]
Json = Any
"""A parsed JSON document, or a part of one."""

_WORDS: Final = {
    "missing": "required: give it a value",
    "extra_forbidden": "unknown field: correct its name or remove it",
    "unexpected_keyword_argument": "unknown field: correct its name or remove it",
    "finite_number": "must be a finite number, not NaN or infinity",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "dataclass_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "tuple_type": "must be a JSON array",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "timezone_aware": "must name its time zone, as 2026-11-28T16:00:00Z does",
}
"""Sentences for the kinds of error whose own message does not say what to change."""

_CODES: Final = (
    (r"missing(_argument)?|union_tag_not_found", FieldCode.MISSING),
    (r"extra_forbidden|unexpected_keyword_argument|unknown_parameter", FieldCode.UNKNOWN),
    (r"repeated_parameter", FieldCode.REPEATED),
    (r"enum|literal_error|union_tag_invalid", FieldCode.CHOICE),
    (r"(greater|less)_than(_equal)?|multiple_of|finite_number", FieldCode.RANGE),
    (r"int_parsing_size|date.*_out_of_range", FieldCode.RANGE),
    (r"(string_)?too_(short|long)", FieldCode.LENGTH),
    (r"string_pattern_mismatch|(date|time|url|uuid).*_(parsing|object_invalid)", FieldCode.FORMAT),
    (r"json_types?|json_invalid|\w+_(type|parsing|from_float)", FieldCode.TYPE),
)
"""Codes by pydantic's name of the error: the first pattern that fits, else `rule`."""

_CONSEQUENCES: Final = frozenset({"default_factory_not_called"})
"""Errors that follow from another one, which is listed itself."""

MOST_ERRORS: Final = 100
"""Errors that are looked at: a body can hold a hundred thousand."""

_LONGEST_ECHO = 60  # characters of the user's own words that an error repeats


class _Found(NamedTuple):
    pointer: str
    kind: str
    detail: str
    input: Any


def field_errors(errors: Sequence[Any], body: Json) -> list[FieldError]:
    """One entry per thing to change, in the document's own terms; the first hundred.

    Args:
        errors: as given by pydantic, each `loc` opening with body, query, header or path.
        body: the submitted document, parsed.

    """
    kept: dict[tuple[Location, str, str], FieldError] = {}
    for location in ("body", "query", "header", "path"):
        found = [
            one
            for error in errors[:MOST_ERRORS]
            if error["loc"][0] == location and error["type"] not in _CONSEQUENCES
            for one in _found(error, body if location == "body" else None)
        ]
        for one in _without_echoes(found):
            entry = FieldError.model_validate(
                {
                    "in": location,
                    "pointer": one.pointer,
                    "code": _code(one.kind),
                    "detail": one.detail,
                }
            )
            kept.setdefault((entry.location, entry.pointer, entry.detail), entry)
    return list(kept.values())


def _code(kind: str) -> FieldCode:
    fitting = (code for pattern, code in _CODES if re.fullmatch(pattern, kind))
    return next(fitting, FieldCode.RULE)


def _found(error: Mapping[str, Any], body: Json) -> Iterator[_Found]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "fields_disagree":
        for pointer, detail in context["problems"]:
            yield _Found(pointer, kind, detail, None)
        return
    pointer = _pointer(error, body)
    if kind == "json_types":
        for path, detail in context["problems"]:
            yield _Found(f"{pointer}/{path}", kind, detail, None)
        return
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        field = str(context["discriminator"]).strip("'")
        pointer += f"/{field}"
        yield _Found(pointer, kind, _unknown_tag(error, field), error["input"])
        return
    if kind == "json_invalid":
        pointer = ""
    yield _Found(pointer, kind, _words(error), error["input"])


def _unknown_tag(error: Mapping[str, Any], field: str) -> str:
    context = error["ctx"]
    if error["type"] == "union_tag_not_found":
        return f"required: say which one with `{field}`"
    known = str(context["expected_tags"]).replace("'", "")
    return f"unknown {field} {_shown(str(context['tag']))}: use one of {known}"


def _shown(value: object) -> str:
    """The user's own value, cut where it is long."""
    if isinstance(value, dict | list):
        return "a JSON object" if isinstance(value, dict) else "a JSON array"
    if not isinstance(value, str):
        return json.dumps(value)[:_LONGEST_ECHO]
    return repr(value if len(value) <= _LONGEST_ECHO else f"{value[:_LONGEST_ECHO]}...")


def _words(error: Mapping[str, Any]) -> str:
    message = str(error["msg"])
    if error["type"] == "value_error":
        return message.removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        return f"not JSON: {error['ctx']['error']}"
    if error["type"] in ("enum", "literal_error"):
        return f"{_shown(error['input'])} is none of {error['ctx']['expected']}: use one of them"
    return _WORDS.get(error["type"], _in_plain_words(message))


def _in_plain_words(message: str) -> str:
    """A message of pydantic's without its names of Python's types.

    >>> _in_plain_words("Tuple should have at least 1 item after validation, not 0")
    'must have at least 1 item, not 0'
    >>> _in_plain_words("Input should be greater than 0")
    'must be greater than 0'

    """
    plain = re.sub(r"^[A-Z][a-z]+ should ", "must ", message)
    return plain.replace(" after validation", "")


def _without_echoes(found: Sequence[_Found]) -> Iterator[_Found]:
    """Leave out what only repeats another error in the words of a union's other branch."""
    for one in found:
        others = [other for other in found if other is not one]
        deeper = any(other.pointer.startswith(f"{one.pointer}/") for other in others)
        beside = any(other.pointer == one.pointer for other in others)
        number_or_object = one.kind == "model_attributes_type" and beside
        object_as_number = (
            one.kind == "float_type" and isinstance(one.input, dict) and (deeper or beside)
        )
        emptied = one.kind == "too_short" and deeper  # its only items were the bad ones
        if not (number_or_object or object_as_number or emptied):
            yield one


def _pointer(error: Mapping[str, Any], body: Json) -> str:
    """JSON pointer of the error.

    A location names union branches between the document's own keys. Those are told apart by
    trying: the pointer is the longest part of the location that leads to the error's input.
    """
    parts = tuple(error["loc"])[1:]
    if parts[-1:] == ("[key]",):  # the key itself is at fault, not what it leads to
        return _joined(parts[:-1])
    if body is None:
        return _joined(parts)
    missing = parts[-1:] if error["type"] == "missing" else ()
    way = parts[: len(parts) - len(missing)]
    for length in range(len(way), -1, -1):
        for candidate in combinations(way, length):
            if _leads_to(body, candidate, error["input"]):
                return _joined((*candidate, *missing))
    return _joined(parts)


def _leads_to(document: Json, keys: tuple[str | int, ...], value: Json) -> bool:
    for key in keys:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return False
    return document is value


def _joined(parts: Sequence[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
