"""Tables of losses that users have already: stored as studies, and answered from."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.dependencies import Db, IdempotencyKey, StudyId
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.schemas.sweeps import SweepAsked, SweepRead, SweepsRead, sweep_read
from parametrization.sweeps.analysis import analyse
from parametrization.sweeps.refused import SweepRefused
from parametrization.sweeps.table import Table, parse_table
from tuner.spec.target import Width
from tuner.storage.sweeps.stored_sweeps import open_sweeps, stored_sweep, sweep_spec

router = APIRouter(prefix="/v1/sweeps", tags=["sweeps"], route_class=JsonRoute)


@router.post("", status_code=201, dependencies=[InTurn])
def create_sweeps(
    body: SweepAsked, database: Db, idempotency_key: IdempotencyKey = None
) -> SweepsRead:
    """Store every sweep of a table as a completed study, and say what it tells of a wider model.

    Nothing is trained. Each study has its curves, its optima and its page; without a model's
    tensors there is no recommendation by parameter.
    """
    table = _table(body)
    try:
        specs = [
            sweep_spec(
                group,
                target_width=body.target_width,
                optimizer=body.optimizer,
                asked={"name": body.name},
            )
            for group in table.groups
        ]
    except ValidationError as error:
        raise _refused("table", f"it cannot be stored: {error.errors()[0]['msg']}") from error
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    with database.write() as session:
        studies = open_sweeps(
            session,
            list(zip(specs, table.groups, strict=True)),
            request_sha256=digest,
            idempotency_key=idempotency_key,
        )
    return SweepsRead(
        sweeps=tuple(
            sweep_read(study.id, analyse(group, body.target_width))
            for study, group in zip(studies, table.groups, strict=True)
        ),
        rows=table.rows,
        said=table.said,
    )


@router.get("/{study_id}")
def read_sweep(
    study_id: StudyId,
    database: Db,
    target_width: Annotated[
        Width | None, Query(description="Width to answer for; default: the one it was stored for")
    ] = None,
) -> SweepRead:
    """The answer of a stored sweep for a width; 404 if the study is not stored from a table."""
    with database.read() as session:
        study, group = stored_sweep(session, study_id)
    return sweep_read(study_id, analyse(group, target_width or study.spec.target.width))


def _table(body: SweepAsked) -> Table:
    try:
        return parse_table(body.table, loss=body.loss)
    except SweepRefused as error:
        raise _refused("table", str(error)) from error


def _refused(field: str, words: str) -> RequestValidationError:
    problem = {"type": "value_error", "loc": ("body", field), "msg": words, "input": None}
    return RequestValidationError([problem], body={})
