"""Points that a search is given: enqueued ones come first, known ones are learned from."""

import math

import pytest

from tests.tuner.decisions.test_search import as_stored, stored, study_of, trained_on
from tuner.decisions.plan import next_decision
from tuner.decisions.search import Searches
from tuner.records.given_points import GIVEN_POINT, GivenPoint
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trials import StudyTrials
from tuner.spec.states import StudyState

BEST = {"learning_rate": 2.0**-6, "weight_decay": 0.02}


def snapshot(
    study: StudyRecord, trials: StudyTrials, given: tuple[GivenPoint, ...]
) -> StudySnapshot:
    return StudySnapshot(study=study, trials=trials, statistics=(), open_orders=(), given=given)


def enqueued(*learning_rates: float) -> tuple[GivenPoint, ...]:
    return tuple(
        GivenPoint(id=n, optimizer="adamw", params={"learning_rate": rate}, value=None)
        for n, rate in enumerate(learning_rates, start=1)
    )


def priors(count: int) -> tuple[GivenPoint, ...]:
    """Trials of elsewhere, better the nearer they are to one learning rate."""
    return tuple(
        GivenPoint(
            id=n,
            optimizer="adamw",
            params={
                "learning_rate": BEST["learning_rate"] * 2 ** (n % 7 - 3),
                "weight_decay": 0.02,
            },
            value=1.0 + abs(n % 7 - 3),
        )
        for n in range(count)
    )


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes", "grid"])
def test_enqueued_points_are_the_next_trials_and_are_trained_once(sampler: str) -> None:
    study, trials, searches = study_of(sampler, "none"), StudyTrials(), Searches()
    given = enqueued(0.001, 0.002, 0.004, 0.003, 0.006)
    if sampler == "grid":  # which needs every number
        given = tuple(
            point.model_copy(update={"params": point.params | {"weight_decay": 0.05}})
            for point in given
        )
    while True:
        decision = next_decision(snapshot(study, trials, given), searches)
        assert decision == next_decision(snapshot(study, trials, given)), "told anew, the same"
        if decision.move_to is StudyState.MEASURING:
            break
        stored(trials, decision)
        for trial in list(trials.unfinished.values()):
            while not trial.is_final:
                trial = trained_on(study, trial)
            trials.put(trial)
    assert [trial.params["learning_rate"] for trial in trials[:5]] == [
        point.params["learning_rate"] for point in given
    ]
    assert all(0.01 <= float(trial.params["weight_decay"]) <= 0.3 for trial in trials)
    assert [trial.system_attrs.get(GIVEN_POINT) for trial in trials] == [1, 2, 3, 4, 5, *[None] * 5]
    assert len(trials) == study.spec.search.trials


def octaves_off(study: StudyRecord, given: tuple[GivenPoint, ...]) -> float:
    """How far first proposals are from the best rate, on average over seeds of the study."""
    rates = []
    for seed in range(12):
        seeded = study.model_copy(update={"spec": study.spec.model_copy(update={"seed": seed})})
        proposed = next_decision(snapshot(seeded, StudyTrials(), given)).new_trials
        assert len(proposed) == study.spec.search.batch_size
        rates += [float(trial.params["learning_rate"]) for trial in proposed]
    return sum(abs(math.log2(rate / BEST["learning_rate"])) for rate in rates) / len(rates)


def test_a_search_learns_from_trials_of_elsewhere_before_its_first() -> None:
    study = study_of("tpe", "none")
    assert octaves_off(study, priors(40)) < 0.75 * octaves_off(study, ())


def test_trials_of_elsewhere_that_come_later_are_told_as_if_they_had_come_first() -> None:
    study, trials, searches = study_of("tpe", "median"), StudyTrials(), Searches()
    first = next_decision(snapshot(study, trials, ()), searches)
    for number, new in enumerate(first.new_trials):
        trial = as_stored(new, number)
        while not trial.is_final:
            trial = trained_on(study, trial)
        trials.put(trial)
    later = next_decision(snapshot(study, trials, priors(7)), searches)
    assert later.new_trials
    assert later == next_decision(snapshot(study, trials, priors(7)))
    assert later != next_decision(snapshot(study, trials, ()))
