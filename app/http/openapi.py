"""The API's description of itself: what FastAPI derives, and problem documents for errors."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.http.examples import EXAMPLES
from app.http.problems import PROBLEM_JSON, Problem

_PROBLEM: Final = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WITH_PRIOR: Final = ("/v1/studies", "/v1/studies:preview")
"""Paths whose bodies may name another study."""
_ERRORS: Final = {
    400: "Host header not served here, or a body that is not JSON in UTF-8",
    401: "No key was sent, or one that opens nothing (any more)",
    403: "The key does not permit it, or a page of another origin sent it",
    404: "Nothing has this id",
    406: "`Accept` takes none of the forms that there are",
    408: "The body was not there in time",
    409: "Not possible in the state that it is in: `detail` says what is",
    410: "Over: the study has ended",
    412: "Changed since the answer with that ETag",
    413: "The body is larger than the service takes",
    415: "The body is not announced as JSON",
    422: "Fields or parameters that cannot be used, one entry each in `errors`",
    429: "Too many requests or studies: repeat after `Retry-After` seconds",
    503: "The database is busy or away: repeat after `Retry-After` seconds",
    507: "The disk is full",
}


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: what generated clients call theirs."""
    return route.name


_KEY: Final = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, `wwk_...`, or a share link's secret, `wws_...`. A service that no"
        " key was ever made for needs none.",
    }
}


def _errors_of(method: str, path: str, operation: Mapping[str, Any], *, is_open: bool) -> set[int]:
    """Statuses of the problem documents that an operation may answer with."""
    statuses = {400, 413, 422, 503} | (set() if is_open else {401, 403, 429})
    named = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    names_others = "ids" in named or (method == "post" and path in _WITH_PRIOR)
    if "{" in path or names_others:
        statuses |= {404, 409}  # 409: what is stored under the id cannot be read
    if method in ("post", "patch", "delete"):
        statuses |= {403, 409, 507}
    if "if-match" in named:
        statuses.add(412)
    if "accept" in named:
        statuses.add(406)
    if "requestBody" in operation:
        statuses |= {408, 415}
    if path.endswith(":lease") or (method == "post" and path.endswith("/coordinate-check")):
        statuses.add(410)
    return statuses


def describe(app: FastAPI, is_open: Callable[[str], bool]) -> dict[str, Any]:
    """OpenAPI document of the app's JSON routes.

    Args:
        is_open: whether a path needs no key.

    """
    if app.openapi_schema is None:
        document = get_openapi(
            title="Widthwise",
            version=app.version,
            description="Tune narrow, train wide: hyperparameter transfer for large networks.",
            routes=app.routes,
        )
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                needs_no_key = is_open(path)
                if body := operation.get("requestBody"):
                    example = EXAMPLES[operation["operationId"]]
                    body["content"]["application/json"]["example"] = example
                if not needs_no_key:
                    operation["security"] = [{"ApiKey": []}]
                for status in sorted(_errors_of(method, path, operation, is_open=needs_no_key)):
                    operation["responses"][str(status)] = {
                        "description": _ERRORS[status],
                        "content": _PROBLEM,
                    }
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        nested = schema.pop("$defs", {})
        schemas = document["components"]["schemas"] | nested | {"Problem": schema}
        document["components"] |= {"schemas": schemas, "securitySchemes": _KEY}
        for name in schemas.keys() - _referred_to(document):
            del schemas[name]
        app.openapi_schema = document
    return app.openapi_schema


def _referred_to(document: dict[str, Any]) -> set[str]:
    """Names of schemas that anything refers to: not those of records that are only extended."""
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
