"""Optuna, told of new trials alone, proposes and prunes as if it were told of all of them anew."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuner import builders
from tuner.decisions.plan import next_decision
from tuner.decisions.search import Searches
from tuner.records.decision import Decision
from tuner.records.given_points import GivenPoint
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trials import NewTrial, StudyTrials, TrialRecord
from tuner.spec.states import StateReason, StudyState, TrialState

PRUNERS = ("none", "median", "successive_halving", "hyperband")
CASES = [
    *((sampler, pruner) for sampler in ("tpe", "random", "qmc", "cmaes") for pruner in PRUNERS),
    ("grid", "median"),
    ("gp", "median"),
]


def study_of(
    sampler: str, pruner: str, trials: int = 10, batch_size: int = 4, seed: int = 0
) -> StudyRecord:
    search = {"trials": trials, "batch_size": batch_size, "sampler": sampler, "pruner": pruner}
    optimizers = [{"name": "adamw", "weight_decay": _range(0.01, 0.3)}]
    spec = builders.spec(search=search, optimizers=optimizers, seed=seed)
    return builders.study(StudyState.SEARCHING, spec=spec)


def _range(low: float, high: float) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "log": True}


def as_stored(trial: NewTrial, number: int) -> TrialRecord:
    fields = json.loads(trial.model_dump_json())
    waiting = {"state": TrialState.WAITING, "value": None, "validation_loss": None, "step": 0}
    return builders.trial(number, **fields, **waiting)


def stored(trials: StudyTrials, decision: Decision) -> None:
    for number, new in enumerate(decision.new_trials, len(trials)):
        trials.put(as_stored(new, number))
    for ending in decision.endings:
        trials.put(trials[ending.number].model_copy(update={"state": ending.state}))
    for promotion in decision.promotions:
        attrs = json.loads(json.dumps(promotion.system_attrs))
        trials.put(trials[promotion.number].model_copy(update={"system_attrs": attrs}))


def trained_on(study: StudyRecord, trial: TrialRecord) -> TrialRecord:
    """The trial at its next rung; every seventh diverges at the first."""
    rungs = study.spec.rungs
    step = next(rung for rung in rungs if rung > trial.step)
    if trial.number % 7 == 5:
        ending = {"state": TrialState.PRUNED, "state_reason": StateReason.DIVERGED}
        return trial.model_copy(update={"step": step, **ending})
    loss = 2 + random.Random(f"{trial.number}/{step}").random() + 1 / step
    values = trial.intermediate_values | {step: loss}
    reached = {"step": step, "intermediate_values": values, "state": TrialState.RUNNING}
    if step == rungs[-1]:
        reached |= {"state": TrialState.COMPLETE, "value": loss}
    return trial.model_copy(update=reached)


@pytest.mark.parametrize(("sampler", "pruner"), CASES)
def test_what_optuna_was_told_before_changes_no_answer(sampler: str, pruner: str) -> None:
    study, trials, searches = study_of(sampler, pruner), StudyTrials(), Searches()
    pruned = 0
    for _ in range(40):
        anew = next_decision(_snapshot(study, StudyTrials(trials)))
        assert next_decision(_snapshot(study, trials), searches) == anew
        assert next_decision(_snapshot(study, trials), searches) == anew, "nothing was stored"
        if anew.move_to is StudyState.MEASURING:
            break
        stored(trials, anew)
        pruned += len(anew.endings)
        if anew.is_empty:
            for trial in list(trials.unfinished.values()):
                trials.put(trained_on(study, trial))
    assert len(trials) == 10
    assert pruned or pruner in ("none", "hyperband")


@settings(max_examples=30)
@given(
    sampler=st.sampled_from(("tpe", "random", "qmc", "cmaes", "grid")),
    pruner=st.sampled_from(PRUNERS),
    trials=st.integers(1, 12),
    batch_size=st.integers(1, 5),
    seed=st.integers(0, 1_000),
    priors=st.integers(0, 3),
    restarts=st.frozensets(st.integers(0, 60), max_size=6),
)
def test_a_search_goes_on_alike_through_restarts_whoever_ends_first(
    sampler: str,
    pruner: str,
    trials: int,
    batch_size: int,
    seed: int,
    priors: int,
    restarts: frozenset[int],
) -> None:
    """Kept, kept since the last restart, and rebuilt each time: the answers are equal."""
    study, stored_trials = study_of(sampler, pruner, trials, batch_size, seed), StudyTrials()
    known = tuple(prior_point(number) for number in range(priors))
    kept, since_restart, draw = Searches(), Searches(), random.Random(seed)
    for turn in range(400):
        if turn in restarts:
            since_restart = Searches()
        anew = next_decision(_snapshot(study, StudyTrials(stored_trials), known))
        assert next_decision(_snapshot(study, stored_trials, known), kept) == anew
        assert next_decision(_snapshot(study, stored_trials, known), since_restart) == anew
        if anew.move_to is not None:
            break
        stored(stored_trials, anew)
        if anew.is_empty:
            first = min(trial.step for trial in stored_trials.unfinished.values())
            behind = [one for one in stored_trials.unfinished.values() if one.step == first]
            for trial in draw.sample(behind, draw.randint(1, len(behind))):
                stored_trials.put(trained_on(study, trial))
    else:
        raise AssertionError("the search did not end")
    assert len(stored_trials) == trials


def prior_point(number: int) -> GivenPoint:
    params = {"learning_rate": 0.01 * 2.0**-number, "weight_decay": 0.02 * (number + 1)}
    return GivenPoint(
        id=number + 1,
        optimizer="adamw",
        params=params,
        value=3.0 - 0.1 * number,
        source="elsewhere",
    )


def test_optuna_is_told_anew_of_fewer_trials_than_it_was_told_of() -> None:
    study, searches = study_of("tpe", "none"), Searches()
    trials = StudyTrials()
    first = next_decision(_snapshot(study, trials), searches)
    stored(trials, first)
    for trial in list(trials.unfinished.values()):
        trials.put(trial.model_copy(update={"state": TrialState.FAIL}))
    next_decision(_snapshot(study, trials), searches)
    assert next_decision(_snapshot(study, StudyTrials()), searches) == first


def _snapshot(
    study: StudyRecord, trials: StudyTrials, given: tuple[GivenPoint, ...] = ()
) -> StudySnapshot:
    return StudySnapshot(study=study, trials=trials, statistics=(), open_orders=(), given=given)
