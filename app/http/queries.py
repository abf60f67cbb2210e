"""Refuse query parameters that a route does not know, or that are given more often than it reads.

Read silently, a misspelt `?widht=512` would be answered for the study's own width.
"""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute


async def known_query(request: Request) -> None:
    """Depend on this to have every query parameter known, and single unless it is a list.

    Raises:
        RequestValidationError: otherwise, with one error per parameter.

    """
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        return
    is_list = dict(_parameters(route.dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    errors = [
        {"type": problem[0], "loc": ("query", name), "msg": problem[1], "input": None}
        for name in dict.fromkeys(given)
        if (problem := _problem(name, given.count(name), is_list))
    ]
    if errors:
        raise RequestValidationError(errors)


def _problem(name: str, times: int, is_list: dict[str, bool]) -> tuple[str, str] | None:
    """The kind of error and its words; None if there is none."""
    if name not in is_list:
        known = ", ".join(is_list) or "no query parameters"
        words = f"unknown parameter: correct its name or remove it; this route takes {known}"
        return "unknown_parameter", words
    if times > 1 and not is_list[name]:
        return "repeated_parameter", f"given {times} times: give it once"
    return None


def _parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Every query parameter of a route, with True if it may be repeated."""
    for field in dependant.query_params:
        yield field.alias, _has_list(field.field_info.annotation)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def _has_list(annotation: Any) -> bool:  # noqa: ANN401  a type
    return get_origin(annotation) is list or any(map(_has_list, get_args(annotation)))
