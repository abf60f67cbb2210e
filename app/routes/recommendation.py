"""The recommendation of a study, for any target."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError

from app.dependencies import Db, Kept, StudyId
from app.exported import (
    BUNDLE,
    CONTENT,
    Accepted,
    ExportedFiles,
    Form,
    bad_parameter,
    exported,
    form_asked,
)
from app.http.headers.accepted import names
from app.http.json_requests import JsonRoute
from app.schemas.described_target import DescribedTargetAsked
from app.schemas.texts import AskedBatchSize, AskedDepth, AskedTokens, AskedWidth
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.recommendation.targets.described import IllegalConfiguration
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.requested_target import IllegalTarget
from tuner.storage.evidence import read_summary, settled
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["recommendation"], route_class=JsonRoute)


@router.get(
    "/recommendation", response_model=Recommendation | ExportedFiles, responses={200: CONTENT}
)
def read_recommendation(  # noqa: PLR0913  # one query parameter each
    study_id: StudyId,
    database: Db,
    answers: Kept,
    width: Annotated[
        AskedWidth | None, Query(description="Of the target; default: the one the study names")
    ] = None,
    depth: Annotated[
        AskedDepth | None,
        Query(description="Of the target, as the family counts it; default likewise"),
    ] = None,
    batch_size: Annotated[
        AskedBatchSize | None, Query(description="Sequences or images per step; default likewise")
    ] = None,
    tokens: Annotated[
        AskedTokens | None,
        Query(description="Tokens (or images) that the target trains on; default likewise"),
    ] = None,
    optimizer: Annotated[
        Optimizer | None, Query(description="One of the study's; default: the best measured")
    ] = None,
    form: Form = None,
    accept: Accepted = None,
) -> Recommendation | Response:
    """Hyperparameters for a target, with interval, evidence and verdict.

    Computed from what is stored: milliseconds, for any width, depth, batch and duration. Each of
    these axes says what the transfer along it rests on. Provisional until the study is completed.
    """
    asked = form_asked(form, accept)

    def made() -> Response:
        with database.read() as session:
            study = get_study(session, study_id)
            known = read_summary(session, study)
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
            raise bad_parameter(error.field, error.value, str(error)) from error
        return exported(answer, asked, accept)

    with database.read() as session:
        basis = settled(session, study_id)
    if basis is None:
        return made()
    target = (width, depth, batch_size, tokens, optimizer)
    return answers.answer((basis, target, asked, names(accept, BUNDLE)), made)


@router.post(
    "/recommendation", response_model=Recommendation | ExportedFiles, responses={200: CONTENT}
)
def recommend_for_configuration(
    study_id: StudyId,
    body: DescribedTargetAsked,
    database: Db,
    form: Form = None,
    accept: Accepted = None,
) -> Response:
    """Hyperparameters for a target that its own configuration describes; nothing is stored.

    Every tensor has its own shape and grows by factors of its own. What the study's model has
    nothing like is listed in `described.unmapped`, and gets no numbers.
    """
    asked = form_asked(form, accept)
    with database.read() as session:
        study = get_study(session, study_id)
        known = read_summary(session, study)
    try:
        answer = recommend(
            study,
            known,
            batch_size=body.batch_size,
            tokens=body.tokens,
            optimizer=body.optimizer,
            described=body.described(),
        )
    except IllegalConfiguration as error:
        raise _bad_configuration(body, str(error), "") from error
    except IllegalTarget as error:
        field = error.field if error.field in ("batch_size", "tokens", "optimizer") else ""
        raise _bad_configuration(body, str(error), field) from error
    return exported(answer, asked, accept)


def _bad_configuration(
    body: DescribedTargetAsked, words: str, field: str
) -> RequestValidationError:
    problem = {"type": "value_error", "loc": ("body", field or "target_config"), "msg": words}
    return RequestValidationError([{**problem, "input": None}], body=body.model_dump())
