"""Map every error to its HTTP status; the documents themselves are in problems.py."""

import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.dashboard.templating import page
from app.http.field_errors import field_errors
from app.http.guard import SECURITY_HEADERS
from app.http.methods import methods_at
from app.http.problems import FieldError, ProblemResponse, problem
from tuner.records.access_errors import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    Keyless,
    QuotaReached,
    ShareLinkNotFound,
)
from tuner.records.check_errors import CheckNotFound, CheckWhole, NothingSearched
from tuner.records.errors import (
    BadPageToken,
    DatabaseMismatch,
    IdempotencyKeyReused,
    IllegalMove,
    LeaseLost,
    NoModel,
    NoSeeds,
    NotAtWork,
    NotExternal,
    NotReady,
    OrderNotFound,
    OtherPlugin,
    OtherVersion,
    RecommendationDecided,
    RecommendationNotFound,
    RecommendationUnreadable,
    RunMoved,
    SearchOver,
    StorageBusy,
    StorageFull,
    StorageReadOnly,
    StorageUnavailable,
    StudyEnded,
    StudyMoved,
    StudyNotFound,
    StudyUnreadable,
    TooManyLabels,
    TunerError,
)
from tuner.records.webhook_errors import TooManyWebhooks, WebhookNotFound


class _Answer(NamedTuple):
    status: int
    retry_after_seconds: int | None = None


STATUS_OF: Final[dict[type[TunerError], _Answer]] = {
    StudyNotFound: _Answer(404),
    OrderNotFound: _Answer(404),
    CheckNotFound: _Answer(404),
    RecommendationNotFound: _Answer(404),
    RecommendationDecided: _Answer(409),
    RecommendationUnreadable: _Answer(409),
    RunMoved: _Answer(409, retry_after_seconds=1),
    LeaseLost: _Answer(409),
    NotExternal: _Answer(409),
    StudyEnded: _Answer(410),
    IllegalMove: _Answer(409),
    TooManyLabels: _Answer(409),
    SearchOver: _Answer(409),
    NoSeeds: _Answer(409),
    NoModel: _Answer(409),
    NothingSearched: _Answer(409),
    CheckWhole: _Answer(409),
    NotReady: _Answer(409, retry_after_seconds=5),
    StudyMoved: _Answer(409, retry_after_seconds=1),
    OtherPlugin: _Answer(409),
    OtherVersion: _Answer(412),
    StudyUnreadable: _Answer(409),
    ApiKeyNotFound: _Answer(404),
    ApiKeyRevoked: _Answer(409),
    ShareLinkNotFound: _Answer(404),
    WebhookNotFound: _Answer(404),
    TooManyWebhooks: _Answer(409),
    Keyless: _Answer(409),
    QuotaReached: _Answer(429),
    IdempotencyKeyReused: _Answer(422),
    BadPageToken: _Answer(422),
    StorageFull: _Answer(507),
    StorageReadOnly: _Answer(503, retry_after_seconds=30),
    StorageBusy: _Answer(503, retry_after_seconds=1),
    StorageUnavailable: _Answer(503, retry_after_seconds=5),
    DatabaseMismatch: _Answer(503, retry_after_seconds=30),
    NotAtWork: _Answer(503, retry_after_seconds=5),
    TunerError: _Answer(500),
}

_PARAMETER_OF: Final[dict[type[TunerError], tuple[str, str]]] = {
    IdempotencyKeyReused: ("header", "/Idempotency-Key"),
    BadPageToken: ("query", "/page_token"),
    OtherVersion: ("header", "/If-Match"),
}


_KEPT_HEADERS: Final = frozenset({"retry-after", "allow"} | {k.lower() for k in SECURITY_HEADERS})

_Documenting = Callable[[Request, Exception], ProblemResponse]


def install_error_handlers(app: FastAPI) -> None:
    """Have every error of this app answered by a problem document."""
    for kind, document in _DOCUMENTS.items():
        app.add_exception_handler(kind, _answer_with(document))


def _answer_with(document: _Documenting) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The document itself, or for somebody who opened a page, a page that says the same."""

    async def answer(request: Request, error: Exception) -> Response:
        response = document(request, error)
        wants_page = "text/html" in request.headers.get("accept", "")
        if request.url.path.startswith("/v1/") or not wants_page:
            return response
        shown = page("problem.html", response.status_code, problem=response.problem)
        shown.headers.update({k: v for k, v in response.headers.items() if k in _KEPT_HEADERS})
        return shown

    return answer


async def on_tuner_error(request: Request, error: Exception) -> Response:
    """Answer an error that comes up before any route."""
    return await _answer_with(_on_tuner_error)(request, error)


def _on_tuner_error(request: Request, error: Exception) -> ProblemResponse:
    kind = next(cls for cls in type(error).__mro__ if cls in STATUS_OF)
    answer = STATUS_OF[kind]
    errors = []
    if kind in _PARAMETER_OF:
        location, pointer = _PARAMETER_OF[kind]
        errors.append(
            FieldError.model_validate({"in": location, "pointer": pointer, "detail": str(error)})
        )
    retry = answer.retry_after_seconds
    if isinstance(error, QuotaReached):
        retry = error.retry_seconds
    return problem(
        request,
        answer.status,
        str(error),
        kind=re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower(),
        errors=errors,
        headers=None if retry is None else {"Retry-After": str(retry)},
    )


def _on_validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    errors = field_errors(error.errors(), error.body)
    count = "One field is" if len(errors) == 1 else f"{len(errors)} fields are"
    named = "; ".join(
        f"{entry.pointer or 'the body'}: {entry.detail.removesuffix('.')}" for entry in errors[:5]
    )
    rest = "; and so on" if len(errors) > 5 else ""
    detail = f"{count} not as needed: {named}{rest}"
    return problem(request, 422, f"{detail}.", kind="invalid-request", errors=errors)


def _on_http_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        path = request.url.path
        without = path.rstrip("/")
        remedy = f"Leave out the slash at its end: {without}. " if without != path else ""
        detail = f"There is nothing at {path}. {remedy}What there is: /openapi.json."
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(methods_at(request.scope))
        detail = f"{request.method} is not possible at {request.url.path}; use {headers['Allow']}."
    return problem(request, error.status_code, detail, headers=headers)


def _on_unforeseen_error(request: Request, error: Exception) -> ProblemResponse:
    detail = (
        "This is a fault of the service, not of the request; its log has the details, under"
        f" request_id={request.scope.get('request_id')}."
        " Reading is safe to repeat; repeat a POST with the same Idempotency-Key."
    )
    # The server closes the connection after a fault; without the header clients would reuse it.
    return problem(request, 500, detail, headers={**SECURITY_HEADERS, "Connection": "close"})


_DOCUMENTS: Final[dict[type[Exception], _Documenting]] = {
    TunerError: _on_tuner_error,
    RequestValidationError: _on_validation_error,
    HTTPException: _on_http_error,
    Exception: _on_unforeseen_error,
}
