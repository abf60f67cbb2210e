"""Say what is wrong with an answer: what its status, its reason or its content may not be."""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from app.auth.scopes import is_open, scope_of
from app.errors import STATUS_OF
from app.http.problems import FieldCode
from tuner.spec.access import Scope

PROBLEM: Final = "application/problem+json"


class Sent(NamedTuple):
    """A request, as far as its answer is judged by it."""

    method: str
    path: str
    is_valid: bool
    """The OpenAPI document permits it."""
    are_ids_own: bool
    """Every id in its path is one of the sender's own things."""
    names_hidden: bool
    """An id in its path is one of the hidden owner's."""
    names_accept: bool
    names_prior: bool
    """Its body names another study to begin around."""


class Got(NamedTuple):
    """An answer."""

    status: int
    media_type: str
    text: str


def findings(sent: Sent, got: Got, scopes: frozenset[Scope], hidden: str) -> Iterator[str]:
    """Everything that is wrong, in words; nothing for an answer as it should be."""
    if hidden in got.text:
        yield "the answer has another owner's data"
    if sent.names_hidden and got.status < 400 and "/api-keys/" not in sent.path:
        yield f"another owner's id is answered with {got.status}"
    if got.status < 400:
        return
    if got.media_type != PROBLEM:
        yield f"an error of the type {got.media_type!r}"
        return
    if sent.is_valid:
        reason = _unfounded(sent, got.status, json.loads(got.text), scopes)
        if reason is not None:
            yield f"a valid request is refused with {got.status}: {reason}"


def _unfounded(
    sent: Sent, status: int, problem: dict[str, Any], scopes: frozenset[Scope]
) -> str | None:
    """The fault of a refusal of a valid request without a documented reason; else None."""
    is_founded = {
        401: not scopes and not is_open(sent.path),
        403: scope_of(sent.method, sent.path) not in scopes,
        404: not sent.are_ids_own or sent.names_prior or sent.path.startswith("/v1/sweeps/"),
        406: sent.names_accept,
        409: _is_documented(problem),
        410: _is_documented(problem),
        412: _is_documented(problem),
        422: bool(problem["errors"]) and not _limits(problem),
    }
    if is_founded.get(status, False):
        return None
    return "; ".join(_limits(problem)) or str(problem["detail"])


def _is_documented(problem: dict[str, Any]) -> bool:
    kinds = {kind.__name__.lower() for kind in STATUS_OF}
    return problem["type"].rpartition(":")[2].replace("-", "") in kinds


def _limits(problem: dict[str, Any]) -> list[str]:
    """Entries that say the schema forbids it, which permits it."""
    return [
        f"{entry['pointer']} ({entry['code']}): {entry['detail']}"
        for entry in problem["errors"]
        if entry["code"] != FieldCode.RULE
    ]
