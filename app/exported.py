"""Answer with a recommendation in the form that a request asks for."""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import Header, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator

from app.http.headers.accepted import accepted, names
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.record import Record
from tuner.recommendation.exports.protocol.export import Refused
from tuner.recommendation.exports.protocol.registry import EXPORTS, NAMES, export_named

BUNDLE: Final = "application/vnd.widthwise.files+json"
"""Media type of files by name, with what they leave out; `Accept` can ask it of every form."""
_VARY: Final = {"Vary": "Accept"}
_BY_MEDIA_TYPE: Final = {
    "application/json": "json",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/x-python": "torch",
}


def _known(name: str) -> str:
    try:
        export_named(name)
    except LookupError as error:
        raise ValueError(str(error.args[0])) from error
    return name


def _listed() -> str:
    return "; ".join(f"`{export.name}`: {export.words}" for export in EXPORTS.values())


Form: TypeAlias = Annotated[
    str | None,
    Query(
        alias="format",
        description=f"Default: by `Accept`, else `json`. {_listed()}. `python` is `torch`",
        json_schema_extra={"enum": list(NAMES)},
    ),
    AfterValidator(lambda name: None if name is None else _known(name)),
]
Accepted: TypeAlias = Annotated[
    str | None,
    Header(
        alias="accept",
        description=f"Read where no `format` is given. `{BUNDLE}`: any form's files by name",
    ),
]
CONTENT: Final[dict[str, Any]] = {
    "content": {
        "application/yaml": {},
        "text/x-python": {"schema": {"type": "string"}},
        BUNDLE: {"schema": {"type": "object"}},
    }
}


class Inexpressible(Record):
    """A setting that a framework cannot express, and the consequence."""

    what: str
    consequence: str


class ExportedFiles(Record):
    """A form of several files."""

    format: str
    files: dict[str, str]
    """Contents by name."""
    inexpressible: tuple[Inexpressible, ...]


def form_asked(form: str | None, accept: str | None) -> str:
    """The name of the form: `format=` wins over `Accept`.

    Raises:
        HTTPException: 406, if neither takes a form that there is.

    """
    if form is not None:
        return export_named(form).name
    return "json" if names(accept, BUNDLE) else accepted(accept, _BY_MEDIA_TYPE)


def exported(document: RecommendationDocument, form: str, accept: str | None) -> Response:
    """The recommendation in a form of the registry.

    A form of several files is a JSON object of them, as every form is where `Accept` names it so.

    Raises:
        RequestValidationError: if the framework cannot train what is recommended.

    """
    export = export_named(form)
    try:
        files = export.render(document)
        if len(files) == 1 and not names(accept, BUNDLE):
            (text,) = files.values()
            return Response(text, media_type=export.media_type, headers=_VARY)
        lost = export.inexpressible(document)
    except Refused as error:
        raise bad_parameter("format", form, str(error)) from error
    bundle = ExportedFiles(
        format=export.name,
        files=dict(files),
        inexpressible=tuple(
            Inexpressible(what=one.what, consequence=one.consequence) for one in lost
        ),
    )
    media_type = BUNDLE if names(accept, BUNDLE) else "application/json"
    return Response(bundle.model_dump_json(), media_type=media_type, headers=_VARY)


def bad_parameter(name: str, value: object, detail: str) -> RequestValidationError:
    """The error of one query parameter."""
    return RequestValidationError(
        [{"type": "value_error", "loc": ("query", name), "msg": detail, "input": value}]
    )
