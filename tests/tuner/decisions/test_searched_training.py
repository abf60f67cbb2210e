"""Schedules, clipping and averages are searched as hyperparameters are, and kept as they are."""

import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from parametrization.recommendation.document import RecommendationDocument
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import SHAPES
from tests.tuner import builders
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.reconcile import tick
from tuner.decisions.packing import trial_spec
from tuner.decisions.plan import next_decision
from tuner.evidence.study_evidence import study_evidence
from tuner.exchange.importances import importances
from tuner.exchange.optuna_file import optuna_file
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.exports.protocol.ten_steps import round_trip, ten_steps
from tuner.recommendation.recommend import recommend
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, StudyTrials, TrialRecord
from tuner.spec.states import FINAL_STUDY_STATES, Purpose, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot

FOUND: dict[str, float | str] = {"shape": "wsd", "decay_fraction": 0.4, "gradient_clip_norm": 0.5}
SEARCHED: dict[str, Any] = {
    "shape": {"type": "categorical", "choices": ["linear", "cosine", "wsd"]},
    "decay_fraction": {"type": "float", "low": 0.1, "high": 0.5},
    "gradient_clip_norm": {"type": "float", "low": 0.25, "high": 4.0, "log": True},
}


def spec_of(**search: Any) -> StudySpec:  # noqa: ANN401  fields of the search
    return builders.spec(search={"trials": 4, "batch_size": 4, "training": SEARCHED} | search)


def proposed(spec: StudySpec) -> tuple[NewTrial, ...]:
    study = builders.study(StudyState.SEARCHING, spec=spec)
    decision = next_decision(
        StudySnapshot(study=study, trials=StudyTrials(), statistics=(), open_orders=())
    )
    return decision.new_trials


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "grid", "cmaes"])
def test_every_sampler_draws_them_in_their_ranges(sampler: str) -> None:
    for trial in proposed(spec_of(sampler=sampler)):
        assert trial.training is not None
        assert trial.training.keys() == SEARCHED.keys()
        assert trial.training["shape"] in ("linear", "cosine", "wsd")
        assert 0.1 <= float(trial.training["decay_fraction"]) <= 0.5
        assert 0.25 <= float(trial.training["gradient_clip_norm"]) <= 4
        assert not trial.hyperparameters.keys() & trial.training.keys()
        own = {name.removeprefix("training."): value for name, value in trial.params.items()}
        assert own == trial.training | {"learning_rate": trial.hyperparameters["learning_rate"]}


def test_a_grid_has_every_shape() -> None:
    spec = spec_of(sampler="grid", trials=8, batch_size=8, training={"shape": SEARCHED["shape"]})
    shapes = [trial.training["shape"] for trial in proposed(spec) if trial.training]
    assert set(shapes) == {"linear", "cosine", "wsd"}


def test_an_optimizer_that_averages_draws_nothing_of_the_fall() -> None:
    free = builders.spec(
        optimizers=[{"name": "schedule_free_adamw"}],
        search={"trials": 4, "batch_size": 4, "training": SEARCHED},
    )
    for trial in proposed(free):
        assert trial.training is not None
        assert trial.training.keys() == {"gradient_clip_norm"}


def test_a_trial_trains_with_what_was_drawn_for_it() -> None:
    spec = spec_of()
    training = trial_spec(spec, builders.trial(0, training=FOUND)).training
    assert (training.schedule.shape, training.schedule.decay_fraction) == ("wsd", 0.4)
    assert training.gradient_clip_norm == 0.5
    assert trial_spec(spec, builders.trial(0)).training == spec.training


@pytest.mark.parametrize("shape", [s for s in SHAPES if SHAPES[s].batch_stages is None])
def test_a_drawn_shape_brings_its_own_numbers(shape: str) -> None:
    training = spec_of().training.with_drawn({"shape": shape, "numbers.exponent": 0.7})
    expected = SHAPES[shape].defaults
    assert training.schedule.numbers == expected | ({"exponent": 0.7} if shape == "power" else {})
    assert training.schedule.warmup_fraction == spec_of().training.schedule.warmup_fraction


def measured(gain: float) -> StudySnapshot:
    """A study whose search found `FOUND`, until it has nothing left to ask for.

    Args:
        gain: share of the loss that what was found takes away, at every width and seed.

    """

    def loss(trial: NewTrial) -> float:
        away = math.log2(trial.hyperparameters["learning_rate"]) + 5
        share = gain if trial.training == FOUND else 0.0
        return 3.0 * math.exp(0.05 * away**2 + 0.001 * trial.seed) * (1 - share)

    study = builders.study(StudyState.MEASURING, spec=spec_of(trials=1, batch_size=1))
    trials: list[TrialRecord] = [builders.trial(0, training=FOUND)]
    for _ in range(100):
        found = StudySnapshot(
            study=study, trials=StudyTrials(trials), statistics=(), open_orders=()
        )
        decision = next_decision(found)
        if decision.move_to is not None:
            return found
        for new in decision.new_trials:
            ended = {"state": TrialState.COMPLETE, "value": loss(new)}
            trials.append(builders.trial(len(trials), **new.model_dump() | ended))
    raise AssertionError("no end after 100 decisions")


def answer(snapshot: StudySnapshot) -> RecommendationDocument:
    return recommend(snapshot.study, study_evidence(snapshot).summary)


def test_a_schedule_that_survives_fresh_seeds_is_measured_and_recommended() -> None:
    snapshot = measured(gain=0.03)
    trained: dict[Purpose, list[dict[str, float | str] | None]] = {
        Purpose.MEASURE: [FOUND],
        Purpose.CONFIRM: [FOUND, None],
    }
    for purpose, wanted in trained.items():
        of_purpose = [one.training for one in snapshot.trials if one.purpose is purpose]
        assert all(one in wanted for one in of_purpose)
        assert all(one in of_purpose for one in wanted)
    document = answer(snapshot)
    assert (document.schedule.shape, document.schedule.decay_fraction) == ("wsd", 0.4)
    assert document.gradient_clip_norm == 0.5
    assert {one.name: one.value for one in document.searched_training} == FOUND
    for one in document.searched_training:
        assert one.origin == "searched"
        assert "with fresh seeds better by +3.1 % and +3.1 % at widths 32 and 64" in one.words


def test_a_schedule_whose_gain_does_not_transfer_is_left_for_the_studys_own() -> None:
    snapshot = measured(gain=0.0)
    document = answer(snapshot)
    assert all(one.training is None for one in snapshot.trials if one.purpose is Purpose.MEASURE)
    assert (document.schedule.shape, document.gradient_clip_norm) == ("linear", None)
    told = {one.name: (one.value, one.origin) for one in document.searched_training}
    assert told == {
        "shape": ("linear", "given"),
        "decay_fraction": (0.2, "given"),
        "gradient_clip_norm": (None, "given"),
    }


def test_exports_carry_what_was_found() -> None:
    document = answer(measured(gain=0.03))
    back = round_trip(EXPORTS["torch"], document)
    factors = [one for one in back if one.number == "schedule"]
    assert len(factors) == 10
    steps = document.schedule.steps
    found = Schedule("wsd", decay_fraction=0.4)
    assert [one.read for one in factors] == pytest.approx(
        [found.factor(step, steps) for step in ten_steps(document.schedule)]
    )
    listed = [one.what for one in EXPORTS["torch"].inexpressible(document)]
    assert "0.5" in " ".join(EXPORTS["torch"].render(document).values())
    assert not any("schedule" in what for what in listed)


def test_a_stored_study_searches_trains_and_exports_them(tmp_path: Path) -> None:
    """Through the database and an engine, to the end; Optuna's file has them too."""
    url = f"sqlite:///{tmp_path / 'searched.db'}"
    migrate(url)
    document: dict[str, Any] = {
        "family": {"name": "gpt", "depth": 1},
        "target": {"width": 256},
        "search": {"trials": 8, "training": SEARCHED},
    }
    database, engine = open_database(url), AnalyticEngine(slots=3)
    with database.write() as session:
        study, _ = open_study(session, StudySpec.model_validate(document))
    for _ in range(2_000):
        tick(database, engine, wait_seconds=0)
        with database.read() as session:
            if get_study(session, study.id).state in FINAL_STUDY_STATES:
                break
    with database.read() as session:
        snapshot = read_snapshot(session, study.id)
    database.close()
    assert snapshot.study.state is StudyState.COMPLETED
    spec = snapshot.study.spec
    searched = snapshot.trials.of(Purpose.SEARCH, "adamw")
    assert {one.training["shape"] for one in searched if one.training} > {"linear"}
    own = importances(spec.optimizers[0], searched, spec.searched_training("adamw"))
    assert set(own.importances or {}) == {"learning_rate", *(f"training.{n}" for n in SEARCHED)}
    path = tmp_path / "study.log"
    path.write_text(optuna_file(snapshot.study, snapshot.trials))
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    loaded = optuna.load_study(
        study_name=f"{study.id}/adamw/search", storage=optuna.storages.JournalStorage(backend)
    )
    assert [one.params for one in loaded.trials] == [one.params for one in searched]
