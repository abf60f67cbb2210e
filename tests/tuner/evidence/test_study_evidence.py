"""The evidence of a study: the same whatever order its trials ended in."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parametrization.recommendation.evidence import Optimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer import optimum
from tests.tuner.builders import (
    GRID,
    Trials,
    measured,
    passing_check,
    searched,
    snapshot,
    spec,
    study,
    surface,
    trial,
)
from tuner.evidence import sensitivity
from tuner.evidence.sensitivity import SEARCH_POINTS, CurveFits
from tuner.evidence.study_evidence import EVIDENCE_VERSION, EvidenceSummary, study_evidence
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState

DATA = Path(__file__).parent / "data"
SGD = "sgd"


def compared() -> StudySnapshot:
    """A completed study of two optimizers."""
    trials = Trials(surface()).search(GRID).search(GRID, SGD, 0.2)
    trials.measure().measure(optimizer=SGD, offset=0.1)
    record = study(spec=spec(optimizers=[{"name": "adamw"}, {"name": "sgd"}]))
    return snapshot(trials, record=record, statistics=passing_check() + passing_check(SGD))


WHOLE = compared()
EVIDENCE = study_evidence(WHOLE)


def waiting(trial: TrialRecord) -> TrialRecord:
    nothing = {"state": TrialState.WAITING, "state_reason": None, "value": None, "step": 0}
    return trial.model_copy(update=nothing)


@given(order=st.randoms(use_true_random=False), looks=st.integers(1, 4))
@settings(max_examples=25)
def test_evidence_kept_up_while_trials_end_equals_that_of_all_trials(
    order: random.Random, looks: int
) -> None:
    ending = list(range(len(WHOLE.trials)))
    order.shuffle(ending)
    fits = CurveFits()
    for look in range(1, looks + 1):
        ended = set(ending[: len(ending) * look // looks])
        trials = tuple(at if at.number in ended else waiting(at) for at in WHOLE.trials)
        partial = WHOLE.model_copy(update={"trials": StudyTrials(trials)})
        kept_up = study_evidence(partial, fits)
        assert kept_up.summary.finished_trials == len(ended)
    assert kept_up == EVIDENCE


def test_only_curves_that_changed_are_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[int] = []
    fit = optimum.fit_optimum

    def counting(points: list[tuple[float, float | None]]) -> Optimum:
        listed = list(points)
        fitted.append(len(listed))
        return fit(listed)

    monkeypatch.setattr(sensitivity, "fit_optimum", counting)
    fits, known = CurveFits(), measured()
    study_evidence(known, fits)
    assert len(fitted) == 3
    study_evidence(known, fits)
    assert len(fitted) == 3
    more = trial(len(known.trials), purpose=Purpose.MEASURE, width=64, seed=7)
    study_evidence(known.model_copy(update={"trials": StudyTrials((*known.trials, more))}), fits)
    assert fitted[3:] == [15]


def test_evidence_counts_what_was_trained_and_what_has_ended() -> None:
    trials = [
        trial(0),
        trial(1, state=TrialState.PRUNED, state_reason=StateReason.DIVERGED, value=None, step=3),
        trial(2, state=TrialState.RUNNING, value=None, step=77, seed=5),
        waiting(trial(3)),
    ]
    known = study_evidence(snapshot(trials, record=study(StudyState.SEARCHING))).summary
    assert (known.trials, known.finished_trials) == (4, 2)
    assert [(at.width, at.step, at.trials) for at in known.trained] == [
        (32, 3, 1),
        (32, 77, 1),
        (32, 200, 1),
    ]
    assert known.seeds == (0,)
    (own,) = known.optimizers
    assert own.winner is not None
    assert (own.winner.number, own.finished_searches) == (0, 1)


def test_a_search_without_a_result_has_no_winner() -> None:
    running = trial(0, state=TrialState.RUNNING, value=None)
    (own,) = study_evidence(snapshot([running])).summary.optimizers
    assert (own.winner, own.finished_searches, own.transfer) == (None, 0, ())


def test_the_winner_of_a_search_is_its_best_trial_and_the_earlier_of_equal_ones() -> None:
    trials = [trial(0, value=3.0), trial(1, value=2.0), trial(2, value=2.0)]
    (own,) = study_evidence(snapshot(trials)).summary.optimizers
    assert own.winner is not None
    assert own.winner.number == 1


def test_a_long_search_lists_evenly_many_rates_and_the_best_and_fits_all() -> None:
    draw = random.Random(3)
    long = searched().search(draw.uniform(-10, -2) for _ in range(700))
    record = study(StudyState.SEARCHING)
    evidence = study_evidence(snapshot(long, record=record))
    (curve,) = evidence.curves
    assert len(curve.points) + curve.points_left_out == 716
    assert SEARCH_POINTS - 1 <= len(curve.points) <= SEARCH_POINTS
    listed = [point.mean_loss for point in curve.points if point.mean_loss is not None]
    values = [at.value for at in long.made if at.value is not None]
    assert min(listed) == min(values)
    assert curve.optimum.trials == len(values)
    rates = [point.log2_learning_rate for point in curve.points]
    assert rates == sorted(rates)
    assert rates[0] < -9.9
    assert rates[-1] > -2.1
    (under_mup,) = evidence.summary.optimizers[0].transfer
    assert under_mup.parametrization is Parametrization.MUP


def test_evidence_survives_being_stored_to_every_digit() -> None:
    known = EVIDENCE.summary
    assert EvidenceSummary.model_validate_json(known.model_dump_json()) == known


def test_this_version_of_the_evidence_can_be_read() -> None:
    """If it fails, raise EVIDENCE_VERSION and store `summary` under the new number."""
    stored = json.loads((DATA / f"evidence-{EVIDENCE_VERSION}.json").read_text())
    known = EvidenceSummary.model_validate(stored)
    assert known.model_dump(mode="json") == stored
