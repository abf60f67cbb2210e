"""Check the JSON types and the text of documents that users submit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, Final, Self, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from parametrization.recommendation.record import Record
from parametrization.text.visible import code_point, is_hidden

STORED: Final = {"stored": True}
"""Context of validation for a study read back: it was checked when it was submitted, by the rules
of that release, and must stay readable."""


_PYDANTICS_OWN: Final = frozenset(get_args(ErrorType))
"""Kinds of errors whose words pydantic has."""


def is_stored(info: ValidationInfo) -> bool:
    """True if the document is read back from the database."""
    return info.context is STORED


def _readable(text: str, info: ValidationInfo) -> str:
    hidden = next(filter(is_hidden, text), None)
    if hidden is not None and not is_stored(info):
        raise ValueError(
            f"contains {code_point(hidden)}, a character that is not shown or that reorders the"
            " text around it: remove it"
        )
    return text


ReadableText = Annotated[str, AfterValidator(_readable)]
"""Text without control characters, line separators and bidirectional controls."""


class Rounded(float):
    """A number of more digits than a float keeps, which made it whole: it was not."""

    written: str

    def __new__(cls, written: str) -> Self:
        """The nearest float, and how it was written."""
        made = super().__new__(cls, written)
        made.written = written
        return made


class Submitted(Record):
    """A record that users write: true and false are no numbers, and texts are neither.

    Whole numbers may be written as 1000.0 or 1e3, as YAML and JSON writers do; 1e-400 is none,
    although a float of it is 0.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _json_types_as_declared(
        cls,
        given: Any,  # noqa: ANN401  a document or a record
        handler: ModelWrapValidatorHandler[Self],
        info: ValidationInfo,
    ) -> Self:
        """Refuse values of another JSON type than their field's, beside all else that is wrong."""
        if not isinstance(given, Mapping) or is_stored(info):
            return handler(given)
        problems = list(_type_problems(cls, given))
        if not problems:
            return handler(given)
        errors = [InitErrorDetails(type=_wrong_types(problems), loc=(), input=given)]
        try:
            handler(given)
        except ValidationError as others:
            errors += _beside(others, problems)
        raise ValidationError.from_exception_data(cls.__name__, errors)


def fields_disagree(problems: Sequence[tuple[str, str]]) -> PydanticCustomError:
    """The error of fields that contradict each other.

    Args:
        problems: (JSON pointer, what to change) of each.

    """
    summary = "; ".join(words for _, words in problems)
    context = {"summary": summary, "problems": list(problems)}
    return PydanticCustomError("fields_disagree", "{summary}", context)


def _wrong_types(problems: Sequence[tuple[str, str]]) -> PydanticCustomError:
    summary = "; ".join(f"{path} {words}" for path, words in problems)
    return PydanticCustomError(
        "json_types", "{summary}", {"summary": summary, "problems": list(problems)}
    )


def _beside(
    errors: ValidationError, problems: Sequence[tuple[str, str]]
) -> Iterator[InitErrorDetails]:
    """Errors of values of the right JSON type.

    Those of the record as a whole are left out: they compare values that are wrong themselves.
    """
    wrong = [path.split("/") for path, _ in problems]
    for error in errors.errors(include_url=False):
        way = [str(part) for part in error["loc"]]
        if way and not any(_passes(way, path) for path in wrong):
            kind, context = error["type"], error.get("ctx", {})
            known = kind in _PYDANTICS_OWN
            yield InitErrorDetails(
                type=kind if known else PydanticCustomError(kind, error["msg"], context),
                loc=error["loc"],
                input=error["input"],
                ctx=context,
            )


def _passes(way: Sequence[str], path: Sequence[str]) -> bool:
    """True if the location leads through the value; it names branches of unions in between."""
    parts = iter(way)
    return all(step in parts for step in path)


def _type_problems(model: type, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(Way to the value, what to change) for values of another JSON type than the field's.

    Other `Submitted` records inside are checked by their own validation, dataclasses here.
    """
    for field, value in given.items():
        if field not in _annotations(model):
            continue
        leaves = _leaves(model, field)
        # What annotates a type may be an instance of a dataclass itself, as validators are.
        types = [leaf for leaf in leaves if isinstance(leaf, type)]
        nested = next(filter(is_dataclass, types), None)
        holds_records = any(issubclass(leaf, Record) for leaf in types)
        for path, item in _items(field, value, in_objects=not (nested or holds_records)):
            if nested and isinstance(item, Mapping):
                yield from ((f"{path}/{at}", words) for at, words in _type_problems(nested, item))
            elif words := _problem(item, leaves):
                yield path, words


def _items(field: str, value: object, *, in_objects: bool) -> Iterator[tuple[str, object]]:
    """The value, or each of a list's, or of an object's if asked, with the way to it."""
    if isinstance(value, list | tuple):
        yield from ((f"{field}/{i}", item) for i, item in enumerate(value))
    elif in_objects and isinstance(value, Mapping):
        yield from ((f"{field}/{name}", item) for name, item in value.items())
    else:
        yield field, value


def _problem(value: object, leaves: frozenset[Any]) -> str | None:
    numeric, boolean = leaves & {int, float}, bool in leaves
    textual = any(isinstance(leaf, str) or leaf is str or _is_text(leaf) for leaf in leaves)
    if isinstance(value, bool) and numeric and not boolean:
        return f"must be a number, not {str(value).lower()}"
    if isinstance(value, str) and (numeric or boolean) and not textual:
        return f"must be {'a number' if numeric else 'true or false'}, not text: leave out quotes"
    if isinstance(value, Rounded) and int in leaves and float not in leaves:
        return f"must be a whole number, not {value.written[:60]}"
    if isinstance(value, int | float) and not isinstance(value, bool) and boolean and not numeric:
        return f"must be true or false, not {value}"
    return None


def _is_text(leaf: object) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, str)


@cache
def _annotations(model: type) -> Mapping[str, Any]:
    if issubclass(model, Record):
        return {name: field.annotation for name, field in model.model_fields.items()}
    return get_type_hints(model)


@cache
def _leaves(model: type, field: str) -> frozenset[Any]:
    """The types, and values of literals, that a field's annotation is made of."""
    found: set[Any] = set()
    waiting = [_annotations(model)[field]]
    while waiting:
        annotation = waiting.pop()
        parts = get_args(annotation)
        waiting += parts
        if not parts:
            found.add(annotation)
    return frozenset(found)
