"""Trials for trainers of users' own: lease one, report about it.

Both routes wait for a commit that many requests share, so that they are coroutines: two hundred
trainers that report five times a second would queue for the threads that plain routes run in.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Final

import yaml
from anyio import to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from app.dependencies import Commits, Db, Kinds, LeaseThreads, Sender, StudyId
from app.exported import Accepted
from app.http.field_errors import MOST_ERRORS
from app.http.headers.accepted import accepted
from app.http.json_requests import JsonRoute
from app.schemas.leases import (
    CheckStatistics,
    LeaseAsked,
    LeaseRead,
    ReportBody,
    ReportRead,
    lease_read,
)
from app.trainers.trial_kinds import TrialKinds
from parametrization.recommendation.record import Record
from tuner.evidence.checks.posted import unchecked_statistics
from tuner.recommendation.exports.pytorch import NoSnippet
from tuner.recommendation.trial_numbers import trial_as_python
from tuner.records.errors import ReportRefused
from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, NothingDue, leased_order
from tuner.storage.leases.posted_checks import post_statistics
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1", tags=["trainers"], route_class=JsonRoute)

OrderPath = Annotated[
    str,
    Path(max_length=128, pattern=r"^[A-Za-z0-9_.-]+$", description="As the lease names it"),
]


class Form(StrEnum):
    JSON = "json"
    YAML = "yaml"
    PYTHON = "python"


_BY_MEDIA_TYPE: Final = {
    "application/json": "json",
    "application/yaml": "yaml",
    "text/x-python": "python",
}
_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/yaml": {}, "text/x-python": {"schema": {"type": "string"}}}},
    204: {
        "description": "No trial is due now: ask again after `Retry-After` seconds",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "required": True}},
    },
}


@router.post("/studies/{study_id}:lease", response_model=LeaseRead, responses=_FORMS)
async def lease_trial(  # noqa: PLR0913  what the route depends on
    study_id: StudyId,
    body: LeaseAsked,
    commits: Commits,
    kinds: Kinds,
    threads: LeaseThreads,
    sender: Sender,
    form: Annotated[
        Form | None,
        Query(alias="format", description="Default: by `Accept`; `python` is a PyTorch snippet"),
    ] = None,
    accept: Accepted = None,
) -> Response:
    """A trial to train, for a study of the family `external`.

    The worker that has a trial gets the same one again. 204 where nothing is due: other workers
    train what is left for now, or the study is paused. 410 once the study has ended.
    """
    shown = Form(accepted(accept, _BY_MEDIA_TYPE)) if form is None else form
    asked = AskedForTrial(
        study_id=study_id, worker=body.worker, ttl_seconds=body.ttl_seconds, owner=sender.owner
    )
    lease = await commits.write(asked)
    if isinstance(lease, NothingDue):
        return Response(status_code=204, headers={"Retry-After": str(lease.retry_seconds)})
    return await to_thread.run_sync(_shown, kinds, lease, shown, limiter=threads)


@router.post("/orders/{order_id}/reports")
async def report_progress(
    order_id: OrderPath, body: ReportBody, commits: Commits, sender: Sender
) -> ReportRead:
    """Say how far a leased trial is; renews the lease.

    Stored before it is answered. Sent again, it changes nothing. 409 if the trial is somebody
    else's by now: then nothing of it is stored.
    """
    try:
        answer = await commits.write(body.as_report(order_id, sender.owner))
    except ReportRefused as error:
        raise _bad_field(body, error) from error
    return ReportRead(**answer.model_dump())


@router.post("/studies/{study_id}/coordinate-check", status_code=204)
def post_coordinate_check(study_id: StudyId, body: CheckStatistics, database: Db) -> None:
    """Give the coordinate check's statistics of a study of the family `external`.

    Taken by the trainer on its own model, as docs/external-trainers.md shows. A study with
    `check: posted` begins once those of all its optimizers, check widths and seeds are there, of
    every trained tensor of its shapes. They may come in any number of requests; what stands beside
    the tensors (a block's output, attention logits) before the last tensor, or with it: a check
    that is whole takes nothing new, and is answered with 409. What is sent again changes nothing.
    Widths and tensors that the study does not check are refused.
    """
    with database.read() as session:
        study = get_study(session, study_id)
    names = [config.name for config in study.spec.optimizers]
    if body.optimizer not in names:
        words = f"{body.optimizer} is not one of the study's: use one of {', '.join(names)}"
        raise _bad_values(body, [(("optimizer",), words)])
    if strangers := list(islice(unchecked_statistics(study, body.statistics), MOST_ERRORS)):
        raise _bad_values(body, [(("statistics", *way), words) for way, words in strangers])
    with database.write() as session:
        post_statistics(session, study_id, body.optimizer, body.statistics)


def _shown(kinds: TrialKinds, lease: LeasedTrial, form: Form) -> Response:
    order = leased_order(lease)
    (trial,) = (one.spec for one in order.trials)
    numbers = kinds.kind_of(lease.study_id, trial).numbers(trial.hyperparameters)
    if form is Form.PYTHON:
        try:
            text = trial_as_python(numbers, trial)
            return Response(text, media_type="text/x-python; charset=utf-8")
        except NoSnippet as error:
            raise _bad_format(form, error) from error
    document = lease_read(lease, order, numbers).model_dump_json()
    if form is Form.YAML:
        text = yaml.safe_dump(json.loads(document), sort_keys=False, allow_unicode=True)
        return Response(text, media_type="application/yaml")
    return Response(document, media_type="application/json")


def _bad_field(body: ReportBody, error: ReportRefused) -> RequestValidationError:
    return _bad_values(body, [((error.field,), str(error))])


def _bad_values(
    body: Record, found: Iterable[tuple[tuple[str | int, ...], str]]
) -> RequestValidationError:
    """Fields that cannot be used: of each the way to it in the body, and what to change."""
    document = body.model_dump()
    problems = [
        {
            "type": "value_error",
            "loc": ("body", *way),
            "msg": words,
            "input": _at(document, way),
        }
        for way, words in found
    ]
    return RequestValidationError(problems, body=document)


def _at(document: Any, way: Iterable[str | int]) -> Any:  # noqa: ANN401  JSON
    for key in way:
        document = document[key]
    return document


def _bad_format(form: Form, error: NoSnippet) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "value_error", "loc": ("query", "format"), "msg": str(error), "input": form}]
    )
