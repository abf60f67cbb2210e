"""The recommendation of a study, for any target."""

from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError

from app.dependencies import Db, StudyId
from tuner.recommendation.exports.pytorch import NoSnippet, as_python
from tuner.recommendation.exports.yaml_form import as_yaml
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.snapshot import StudyRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.requested_target import IllegalTarget
from tuner.spec.target import BatchSize, Depth, Tokens, Width
from tuner.storage.evidence import read_summary
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["recommendation"])


class Form(StrEnum):
    JSON = "json"
    YAML = "yaml"
    PYTHON = "python"


_WRITERS: Final = {
    Form.YAML: (as_yaml, "application/yaml"),
    Form.PYTHON: (as_python, "text/x-python; charset=utf-8"),
}
_FORMS: Final = {
    "content": {"application/yaml": {}, "text/x-python": {"schema": {"type": "string"}}}
}


@router.get("/recommendation", response_model=Recommendation, responses={200: _FORMS})
def read_recommendation(  # noqa: PLR0913  # one query parameter each
    study_id: StudyId,
    database: Db,
    width: Annotated[
        Width | None, Query(description="Of the target; default: the one the study names")
    ] = None,
    depth: Annotated[
        Depth | None, Query(description="Of the target, as the family counts it; default likewise")
    ] = None,
    batch_size: Annotated[
        BatchSize | None, Query(description="Sequences or images per step; default likewise")
    ] = None,
    tokens: Annotated[
        Tokens | None,
        Query(description="Tokens (or images) that the target trains on; default likewise"),
    ] = None,
    optimizer: Annotated[
        Optimizer | None, Query(description="One of the study's; default: the best measured")
    ] = None,
    form: Annotated[
        Form, Query(alias="format", description="`python` is a snippet for PyTorch")
    ] = Form.JSON,
) -> Recommendation | Response:
    """Hyperparameters for a target, with interval, evidence and verdict.

    Computed from what is stored: milliseconds, for any width, depth, batch and duration. Each of
    these axes says what the transfer along it rests on. Provisional until the study is completed.
    """
    with database.read() as session:
        study = get_study(session, study_id)
        known = read_summary(session, study)
    _require_own(study, optimizer)
    try:
        answer = recommend(
            study,
            known,
            width=width,
            depth=depth,
            batch_size=batch_size,
            tokens=tokens,
            optimizer=optimizer,
        )
    except IllegalTarget as error:
        raise _bad_parameter(error.field, error.value, str(error)) from error
    if form is Form.JSON:
        return answer
    write, media_type = _WRITERS[form]
    try:
        return Response(write(answer), media_type=media_type)
    except NoSnippet as error:
        raise _bad_parameter("format", form.value, str(error)) from error


def _require_own(study: StudyRecord, optimizer: Optimizer | None) -> None:
    names = [config.name for config in study.spec.optimizers]
    if optimizer is not None and optimizer not in names:
        detail = f"{optimizer} is not one of the study's: choose one of {', '.join(names)}"
        raise _bad_parameter("optimizer", optimizer, detail)


def _bad_parameter(name: str, value: object, detail: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "value_error", "loc": ("query", name), "msg": detail, "input": value}]
    )
