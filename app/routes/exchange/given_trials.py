"""Warm starts: hyperparameters to train next, and trials of elsewhere to learn from."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError

from app.dependencies import Db, StudyId
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.schemas.given_trials import (
    EnqueuedTrials,
    GivenTrial,
    GivenTrialList,
    GivenTrials,
    ImportedTrials,
    TrialLeftOut,
    TrialsImported,
)
from tuner.exchange.fitting import Row, misfits, prior_points
from tuner.exchange.readers.csv_text import csv_rows
from tuner.exchange.readers.unreadable import TrialsUnreadable
from tuner.records.errors import StudyNotFound
from tuner.records.given_points import NewPoint
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import Purpose, TrialState
from tuner.storage.changes.given_points import give_points, list_points
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study
from tuner.storage.trials.rows import trials_of

router = APIRouter(
    prefix="/v1/studies/{study_id}",
    tags=["exchange"],
    route_class=JsonRoute,
    dependencies=[InTurn],
)

_SHOWN = 100


@router.post("/trials")
def enqueue_trials(study_id: StudyId, body: EnqueuedTrials, database: Db) -> GivenTrials:
    """Have the search train these hyperparameters next, before it proposes its own.

    They count among the study's trials, and begin with its next batch. Sent again, they are known.
    """
    config, sampler = _asked(database, study_id, body.optimizer)
    _require_fit(config, sampler, body)
    points = [
        NewPoint(
            optimizer=config.name,
            params={name: trial[name] for name in trial if name in config.searched},
            value=None,
        )
        for trial in body.trials
    ]
    with database.write() as session:
        given = give_points(session, study_id, points)
    return GivenTrials(study_id=study_id, optimizer=config.name, **given._asdict())


@router.post("/trials:import")
def import_trials(study_id: StudyId, body: ImportedTrials, database: Db) -> TrialsImported:
    """Tell the search of trials of elsewhere, as if it had proposed them before its own.

    Samplers that learn (`tpe`, `gp`) propose after them. They are no evidence: nothing is
    recommended from them, and they do not count among the study's trials.
    """
    config, _ = _asked(database, study_id, body.optimizer)
    try:
        rows = [_renamed(row, body.names) for row in _rows(database, body)]
    except TrialsUnreadable as error:
        raise _refused(("content",), str(error), body) from error
    except StudyNotFound as error:
        raise _refused(("content",), str(error), body) from error
    points, left_out = prior_points(config, rows, source=body.form)
    with database.write() as session:
        given = give_points(session, study_id, points)
    return TrialsImported(
        study_id=study_id,
        optimizer=config.name,
        **given._asdict(),
        left_out=len(left_out),
        left_out_first=tuple(TrialLeftOut(**one._asdict()) for one in left_out[:_SHOWN]),
    )


@router.get("/given-trials")
def list_given_trials(
    study_id: StudyId,
    database: Db,
    page_size: Annotated[int, Query(ge=1, le=1_000)] = 100,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> GivenTrialList:
    """Points that the search was given: to train, each with its trial, and to learn from."""
    with database.read() as session:
        get_study(session, study_id)
        page = list_points(session, study_id, page_size=page_size, page_token=page_token)
    return GivenTrialList(
        study_id=study_id,
        trials=tuple(
            GivenTrial(**one.point.model_dump(exclude={"id"}), trial=one.trial)
            for one in page.points
        ),
        next_page_token=page.next_page_token,
    )


def _asked(database: Database, study_id: str, name: str | None) -> tuple[OptimizerConfig, str]:
    """The study's optimizer of that name, or its first one, and its sampler."""
    with database.read() as session:
        spec = get_study(session, study_id).spec
    optimizers = {config.name: config for config in spec.optimizers}
    if name is not None and name not in optimizers:
        known = ", ".join(optimizers)
        raise _refused(("optimizer",), f"{name} is none of this study's: it tunes {known}", None)
    return spec.optimizers[0] if name is None else optimizers[name], spec.search.sampler


def _require_fit(config: OptimizerConfig, sampler: str, body: EnqueuedTrials) -> None:
    errors = [
        _problem(("trials", number, name), f"{name} {words}", params.get(name))
        for number, params in enumerate(body.trials)
        for name, words in misfits(config, params).items()
    ]
    if sampler == "grid":  # it has nothing to fill one in from
        errors += [
            _problem(("trials", number), f"has no {name}: a grid takes whole points alone", params)
            for number, params in enumerate(body.trials)
            for name in config.searched
            if name not in params
        ]
    if errors:
        raise RequestValidationError(errors, body=body.model_dump(mode="json"))


def _rows(database: Database, body: ImportedTrials) -> Iterable[Row]:
    if body.form == "csv":
        return csv_rows(body.content, body.value_column)
    if body.form == "study":
        return _own_rows(database, body.content)
    if body.form == "optuna_journal":
        from tuner.exchange.readers.optuna_journal import journal_rows  # here: it loads Optuna

        return journal_rows(body.content, body.optuna_study)
    from tuner.exchange.readers.optuna_sqlite import sqlite_rows  # here: it loads Optuna

    try:
        content = base64.b64decode(body.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TrialsUnreadable(f"it is not Base64: {error}") from error
    return sqlite_rows(content, body.optuna_study)


def _own_rows(database: Database, study_id: str) -> Iterator[Row]:
    with database.read() as session:
        get_study(session, study_id)
        trials = trials_of(session, study_id)
    for trial in trials:
        if trial.purpose is Purpose.SEARCH:
            value = trial.value if trial.state is TrialState.COMPLETE else None
            yield Row(f"trial {trial.number}", trial.hyperparameters, value)


def _renamed(row: Row, names: dict[str, str]) -> Row:
    return row._replace(params={names.get(name, name): one for name, one in row.params.items()})


def _problem(way: tuple[str | int, ...], words: str, given: object) -> dict[str, Any]:
    return {"type": "value_error", "loc": ("body", *way), "msg": words, "input": given}


def _refused(
    way: tuple[str | int, ...], words: str, body: ImportedTrials | None
) -> RequestValidationError:
    document = None if body is None else body.model_dump(mode="json")
    given = None if document is None else document[str(way[0])]
    return RequestValidationError([_problem(way, words, given)], body=document)
