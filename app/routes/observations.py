"""Hold the run of a target to its prediction: it reports its losses, and hears whether it is on."""

import math
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError

from app.dependencies import Db, RecommendationId
from app.http.json_requests import JsonRoute
from app.schemas.observations import (
    ObservationList,
    ObservationsAnswer,
    ObservedLosses,
    where,
)
from tuner.recommendation.target_run import TargetRun
from tuner.records.errors import NotReady, RunMoved
from tuner.records.target_run import Observation, RunJudgement
from tuner.spec.optimizers.name import Optimizer
from tuner.storage.recommendations import stored, target_run
from tuner.storage.recommendations.proxy_runs import proxy_runs
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

router = APIRouter(
    prefix="/v1/recommendations/{recommendation_id}",
    tags=["recommendation"],
    route_class=JsonRoute,
)

_ATTEMPTS: Final = 3
"""Attempts at judging a run that reports from several places at once."""


@router.post("/observations")
def observe_run(
    recommendation_id: RecommendationId, body: ObservedLosses, database: Db
) -> ObservationsAnswer:
    """Report early training losses of the run that the recommendation is for.

    The answer says whether the run is on the curve that the proxies predict, with the probability,
    and at which learning rate it trains in effect. Each update counts once: what is sent again, or
    late, changes nothing.
    """
    for _ in range(_ATTEMPTS):
        known = _Known.of(database, recommendation_id)
        sent = _in_order(body, known)
        last = known.observations[-1].step if known.observations else 0
        new = [one for one in sent if one.step > last]
        if not new:
            return _answer(recommendation_id, _latest(database, recommendation_id), 0, len(sent))
        judgement = known.run.judged([*known.observations, *new])
        try:
            with database.write() as session:
                target_run.store_observations(session, recommendation_id, last, new, judgement)
        except RunMoved:
            continue
        return _answer(recommendation_id, judgement, len(new), len(body.observations) - len(new))
    raise RunMoved(recommendation_id)


@router.get("/observations")
def list_observations(
    recommendation_id: RecommendationId,
    database: Db,
    page_size: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> ObservationList:
    """The predicted curve of the target's run, its losses by step, and the verdict over time."""
    known = _Known.of(database, recommendation_id)
    with database.read() as session:
        page = target_run.list_observations(
            session, recommendation_id, page_size=page_size, page_token=page_token
        )
        judgements = target_run.judgements_of(session, recommendation_id)
    return ObservationList(
        recommendation_id=recommendation_id,
        predicted=known.run.predicted(),
        observations=page.observations,
        judgements=judgements,
        next_page_token=page.next_page_token,
    )


class _Known(NamedTuple):
    """The prediction that a run is judged by, and the losses that it has reported."""

    run: TargetRun
    steps: int
    """Updates of the target's training."""
    observations: tuple[Observation, ...]

    @classmethod
    def of(cls, database: Database, recommendation_id: str) -> "_Known":
        with database.read() as session:
            document = stored.get_answer(session, recommendation_id)
            study = get_study(session, document.study_id)
            runs = proxy_runs(session, study.id, document.optimizer)
            observations = target_run.observations_of(session, recommendation_id)
        optimizer: Optimizer = document.optimizer
        try:
            training = study.spec.training_by(optimizer)
            training = training.model_copy(update={"schedule": document.schedule.form})
            run = TargetRun(document, training, runs)
        except ValueError as error:
            raise NotReady(study.id, "a predicted curve of its target's loss") from error
        return cls(run, document.target.steps, observations)


def _in_order(body: ObservedLosses, known: _Known) -> list[Observation]:
    """The losses by their updates, each once.

    Raises:
        RequestValidationError: if one lies beyond the target's last, or before the one before it.

    """
    found: list[Observation] = []
    for index, one in enumerate(body.observations):
        field = "tokens" if one.step is None else "step"
        step = known.run.step_at(one.tokens or 1) if one.step is None else one.step
        if one.step is None and (one.tokens or 1) > known.run.tokens_at(known.steps):
            step = known.steps + 1
        if step > known.steps:
            raise _bad(body, index, field, f"is beyond the target's last update, {known.steps:,}")
        if found and step < found[-1].step:
            raise _bad(body, index, field, "comes before the one above it: sort them by update")
        if not found or step > found[-1].step:
            loss = None if one.loss is None or not math.isfinite(one.loss) else one.loss
            tokens = one.tokens or known.run.tokens_at(step)
            found.append(Observation(step=step, tokens=tokens, loss=loss))
    return found


def _bad(body: ObservedLosses, index: int, field: str, words: str) -> RequestValidationError:
    value = getattr(body.observations[index], field)
    problem: dict[str, Any] = {
        "type": "value_error",
        "loc": where(index, field),
        "msg": f"{field} {value:,} {words}",
        "input": value,
    }
    return RequestValidationError([problem], body=body.model_dump())


def _latest(database: Database, recommendation_id: str) -> RunJudgement:
    with database.read() as session:
        return target_run.judgements_of(session, recommendation_id)[-1]


def _answer(
    recommendation_id: str, judgement: RunJudgement, new: int, old: int
) -> ObservationsAnswer:
    fields = {name: getattr(judgement, name) for name in RunJudgement.model_fields}
    return ObservationsAnswer(
        **fields, recommendation_id=recommendation_id, stored=new, ignored=old
    )
