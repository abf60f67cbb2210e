"""The one shape of every error answer: an RFC 9457 problem document."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from parametrization.recommendation.record import Record

PROBLEM_JSON = "application/problem+json"


class FieldCode(StrEnum):
    """Kinds of change that a field needs; all but `rule` are limits that /openapi.json states."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    REPEATED = "repeated"
    TYPE = "type"
    FORMAT = "format"
    RANGE = "range"
    LENGTH = "length"
    CHOICE = "choice"
    RULE = "rule"


class FieldError(Record):
    """The error of one field, and the change that it needs."""

    location: Literal["body", "query", "header", "path"] = Field(alias="in")
    pointer: str
    """JSON pointer into the submitted document, or `/` and the parameter's name."""
    code: FieldCode = FieldCode.RULE
    """Kind of limit that it breaks; `rule`: one that no schema states, but `detail` does."""
    detail: str


class Problem(Record):
    type: str
    """Stable name of the kind of problem, for programs; `about:blank` says no more than status."""
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    """The error, in words for people, and the remedy."""
    instance: str
    """Path of the request."""
    errors: tuple[FieldError, ...] = ()
    """One entry per bad field."""


class ProblemResponse(Response):
    """A problem document; pages for browsers render the same document as HTML."""

    media_type = PROBLEM_JSON

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(
            content=problem.model_dump_json(by_alias=True),
            status_code=problem.status,
            headers={"Cache-Control": "no-store", **(headers or {})},
        )
        self.problem = problem


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """Answer with a problem document.

    Args:
        kind: kebab-case name of the problem, if it says more than the status does.

    """
    document = Problem(
        type=f"urn:widthwise:problem:{kind}" if kind else "about:blank",
        title=kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=tuple(errors),
    )
    return ProblemResponse(document, headers)
