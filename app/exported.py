"""The forms that a recommendation leaves in."""

from enum import StrEnum
from typing import Final

from fastapi import Response
from fastapi.exceptions import RequestValidationError

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports.pytorch import NoSnippet, as_python
from tuner.recommendation.exports.yaml_form import as_yaml


class Form(StrEnum):
    JSON = "json"
    YAML = "yaml"
    PYTHON = "python"


_WRITERS: Final = {
    Form.YAML: (as_yaml, "application/yaml"),
    Form.PYTHON: (as_python, "text/x-python; charset=utf-8"),
}
CONTENT: Final = {
    "content": {"application/yaml": {}, "text/x-python": {"schema": {"type": "string"}}}
}
"""Of an answer that may have any form, for the OpenAPI document."""


def exported(document: RecommendationDocument, form: Form) -> Response:
    """The recommendation in one of its forms.

    Raises:
        RequestValidationError: naming `format`, where it cannot be said in that form.

    """
    if form is Form.JSON:
        return Response(document.model_dump_json(), media_type="application/json")
    write, media_type = _WRITERS[form]
    try:
        return Response(write(document), media_type=media_type)
    except NoSnippet as error:
        raise bad_parameter("format", form.value, str(error)) from error


def bad_parameter(name: str, value: object, detail: str) -> RequestValidationError:
    """The error of one query parameter."""
    return RequestValidationError(
        [{"type": "value_error", "loc": ("query", name), "msg": detail, "input": value}]
    )
