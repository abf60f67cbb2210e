"""Trials and their curves as the API shows them."""

import datetime as dt

from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization
from tuner.records.trials import TrialRecord
from tuner.spec.axes.cell import Cell
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, StateReason, TrialState
from tuner.storage.trials.curves import Curve


class TrialRead(Record):
    number: int
    purpose: Purpose
    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    cell: Cell | None
    """Depth, batch and duration that it trains with; null: the study's own."""
    seed: int
    batch: int
    hyperparameters: dict[str, float]
    """At the base width; the rules compute those of the trial's own width from them."""
    training: dict[str, float | str] | None
    """Fields of training, by the names of `search.training`, where they are not the study's own."""
    params: dict[str, float | str]
    """Searched values, as Optuna proposed them: fields of training are called `training.NAME`."""
    state: TrialState
    state_reason: StateReason | None
    message: str | None
    step: int
    """Updates done."""
    value: float | None
    """The value that the family's trials are compared by (`GET /v1/families`), less being better;
    null if not finite or not finished."""
    validation_loss: float | None
    intermediate_values: dict[int, float]
    """Values by the step of each rung."""
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


class TrialList(Record):
    study_id: str
    trials: tuple[TrialRead, ...]
    """By number."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


class CurveList(Record):
    study_id: str
    curves: tuple[Curve, ...]
    """By number and metric; all of a trial's on one page."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


def trial_read(trial: TrialRecord) -> TrialRead:
    """A trial without what only the service can use: its checkpoint, its sampler's notes."""
    return TrialRead.model_validate(trial.model_dump(include=set(TrialRead.model_fields)))
