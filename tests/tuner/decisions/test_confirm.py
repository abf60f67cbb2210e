"""What a search found beside the learning rate is believed only after fresh seeds at two widths."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.tuner import builders
from tuner.decisions.plan import next_decision
from tuner.evidence.study_evidence import study_evidence
from tuner.recommendation.recommend import recommend
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState

DEFAULT, FOUND = 0.0, 0.01
DECAY = {"type": "float", "low": 1e-3, "high": 0.3, "log": True}
Loss = Callable[[NewTrial], float | None]


def spec_of(**fields: Any) -> Any:  # noqa: ANN401
    optimizers = [{"name": "adamw", "weight_decay": DECAY}]
    return builders.spec(optimizers=optimizers, search={"trials": 1, "batch_size": 1}, **fields)


def loss_with(gain: Callable[[NewTrial], float]) -> Loss:
    """A quadratic around 2^-5, and a share less of it with what the search found."""

    def loss(trial: NewTrial) -> float | None:
        away = math.log2(trial.hyperparameters["learning_rate"]) + 5
        share = gain(trial) if trial.hyperparameters["weight_decay"] == FOUND else 0.0
        return 3.0 * math.exp(0.05 * away**2 + 0.001 * trial.seed) * (1 - share)

    return loss


def measured(loss: Loss, **fields: Any) -> StudySnapshot:  # noqa: ANN401
    """The study once it has nothing left to ask for."""
    found = builders.hyperparameters() | {"weight_decay": FOUND}
    trials = [builders.trial(0, hyperparameters=found)]
    study = builders.study(StudyState.MEASURING, spec=spec_of(**fields))
    for _ in range(100):
        snapshot = StudySnapshot(
            study=study, trials=StudyTrials(trials), statistics=(), open_orders=()
        )
        decision = next_decision(snapshot)
        if decision.move_to is not None:
            assert decision.move_to is StudyState.COMPLETED
            return snapshot
        assert decision.new_trials
        trials += [
            ended(new, len(trials) + at, loss(new)) for at, new in enumerate(decision.new_trials)
        ]
    raise AssertionError("no end after 100 decisions")


def ended(new: NewTrial, number: int, value: float | None) -> TrialRecord:
    state: dict[str, Any] = {"state": TrialState.COMPLETE, "value": value}
    if value is None:
        state = {"state": TrialState.PRUNED, "value": None, "state_reason": StateReason.DIVERGED}
    return builders.trial(number, **new.model_dump() | state)


def measured_decays(snapshot: StudySnapshot) -> set[float]:
    return {
        trial.hyperparameters["weight_decay"]
        for trial in snapshot.trials
        if trial.purpose is Purpose.MEASURE
    }


def told(snapshot: StudySnapshot) -> tuple[float, str, str]:
    """(value, origin, words) of the weight decay that is recommended."""
    answer = recommend(snapshot.study, study_evidence(snapshot).summary)
    value = next(one for one in answer.hyperparameters if one.name == "weight_decay")
    return value.value, value.origin, value.words


def test_a_gain_at_both_widths_with_every_seed_is_kept() -> None:
    snapshot = measured(loss_with(lambda _: 0.03))
    assert measured_decays(snapshot) == {FOUND}
    value, origin, words = told(snapshot)
    assert (value, origin) == (FOUND, "searched")
    assert "with fresh seeds better by +3.1 % and +3.1 % at widths 32 and 64" in words


@pytest.mark.parametrize(
    "gain",
    [
        lambda _: 0.0,
        lambda _: 0.003,
        lambda _: -0.05,
        lambda trial: 0.03 if trial.width == 32 else -0.001,
        lambda trial: 0.05 if trial.seed == 1 else -0.001,
    ],
    ids=["none", "too little", "a loss", "at the proxy alone", "of one seed"],
)
def test_a_gain_that_does_not_transfer_leaves_the_default(
    gain: Callable[[NewTrial], float],
) -> None:
    snapshot = measured(loss_with(gain))
    assert measured_decays(snapshot) == {DEFAULT}
    value, origin, words = told(snapshot)
    assert (value, origin) == (DEFAULT, "given")
    assert "kept at default: no gain that transfers" in words


def test_each_setting_is_compared_at_its_own_best_rate() -> None:
    """The defaults like another rate, three octaves away, where they are as good."""

    def loss(trial: NewTrial) -> float | None:
        best = -5 if trial.hyperparameters["weight_decay"] == FOUND else -8
        away = math.log2(trial.hyperparameters["learning_rate"]) - best
        return 3.0 * math.exp(0.05 * away**2)

    snapshot = measured(loss)
    assert measured_decays(snapshot) == {DEFAULT}
    widest = [t for t in snapshot.trials if (t.purpose, t.width) == (Purpose.MEASURE, 128)]
    rates = [math.log2(trial.hyperparameters["learning_rate"]) for trial in widest]
    assert min(rates) < -8 < max(rates)


def test_what_diverges_at_another_width_is_not_kept() -> None:
    plain = loss_with(lambda _: 0.03)

    def loss(trial: NewTrial) -> float | None:
        is_found = trial.hyperparameters["weight_decay"] == FOUND
        return None if is_found and trial.width == 64 else plain(trial)

    value, _, words = told(measured(loss))
    assert value == DEFAULT
    assert "one of the two diverged" in words


def test_a_study_that_believes_its_search_measures_what_it_found() -> None:
    believing = spec_of().search.model_copy(update={"confirm": False}).model_dump()
    optimizers = [{"name": "adamw", "weight_decay": DECAY}]
    study = builders.spec(optimizers=optimizers, search=believing)
    assert not study.search.confirm
    found = builders.hyperparameters() | {"weight_decay": FOUND}
    snapshot = StudySnapshot(
        study=builders.study(StudyState.MEASURING, spec=study),
        trials=StudyTrials([builders.trial(0, hyperparameters=found)]),
        statistics=(),
        open_orders=(),
    )
    asked = next_decision(snapshot).new_trials
    assert {trial.purpose for trial in asked} == {Purpose.MEASURE}
    assert {trial.hyperparameters["weight_decay"] for trial in asked} == {FOUND}


def test_a_study_of_the_learning_rate_alone_confirms_nothing() -> None:
    snapshot = StudySnapshot(
        study=builders.study(StudyState.MEASURING),
        trials=StudyTrials([builders.trial(0)]),
        statistics=(),
        open_orders=(),
    )
    assert {trial.purpose for trial in next_decision(snapshot).new_trials} == {Purpose.MEASURE}
