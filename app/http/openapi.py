"""The API's description of itself: what FastAPI derives, and problem documents for errors."""

import json
import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.http.problems import PROBLEM_JSON, Problem

PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem document (RFC 9457): what happened and what to change",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""For every route: any error is answered in this one shape."""


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI document of the app's JSON routes."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Widthwise",
            version=app.version,
            description="Tune narrow, train wide: hyperparameter transfer for large networks.",
            routes=app.routes,
        )
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        nested = schema.pop("$defs", {})
        schemas = document["components"]["schemas"] | nested | {"Problem": schema}
        document["components"]["schemas"] = schemas
        for name in schemas.keys() - _referred_to(document):
            del schemas[name]
        app.openapi_schema = document
    return app.openapi_schema


def _referred_to(document: dict[str, Any]) -> set[str]:
    """Names of schemas that anything refers to: not those of records that are only extended."""
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
