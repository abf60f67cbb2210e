"""Whole studies that sweep depth, batch and tokens, on a surface whose optimum moves with them."""

import math
from pathlib import Path
from typing import Any

import pytest

from parametrization.recommendation.axes import AxesEvidence
from parametrization.scaling.growth import AxisName
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import TrainOrder, TrialSpec
from tuner.evidence.study_evidence import study_evidence
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import FINAL_STUDY_STATES, Purpose, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study, read_snapshot

TOKENS = 200 * 16 * 32
EXPONENTS: dict[AxisName, float] = {"depth": -0.1, "batch": 0.4, "tokens": -0.25}
"""Of the best rate, whatever rules say."""


def law(depth: float, batch: float, tokens: float) -> float:
    """Octaves from the proxies' optimum, by ratios over them."""
    ratios: dict[AxisName, float] = {"depth": depth, "batch": batch, "tokens": tokens}
    return math.fsum(EXPONENTS[name] * math.log2(ratio) for name, ratio in ratios.items())


def moves(trial: TrialSpec) -> float:
    """Where the optimum lies at the base: the law's rate before what the rules multiply."""
    model, training = trial.model, trial.training
    true = law(
        model.family.depth / 1,
        training.batch_size / 16,
        training.steps * training.batch_size * 32 / TOKENS,
    )
    by_rule = 0.5 * math.log2(model.batch_multiplier / model.token_multiplier)
    return true - by_rule


def run(folder: Path, engine: AnalyticEngine, **changes: Any) -> StudySnapshot:  # noqa: ANN401
    """A study of these fields, to its end."""
    url = f"sqlite:///{folder / 'axes.db'}"
    migrate(url)
    document: dict[str, Any] = {
        "family": {"name": "gpt", "depth": 1},
        "target": {"width": 256, "depth": 8, "batch_size": 64, "tokens": 16 * TOKENS},
        "search": {"trials": 8},
        "measure": {
            "axes": {
                "depth": [2, 4],
                "batch": [16, 32, 64],
                "tokens": [TOKENS, 2 * TOKENS, 4 * TOKENS],
                "seeds": 1,
            }
        },
    }
    database = open_database(url)
    with database.write() as session:
        study, _ = open_study(session, StudySpec.model_validate(document | changes))
    for _ in range(5_000):
        tick(database, engine, wait_seconds=0)
        with database.read() as session:
            if get_study(session, study.id).state in FINAL_STUDY_STATES:
                found = read_snapshot(session, study.id)
                break
    else:
        raise AssertionError("the study did not end")
    database.close()
    return found


def answer_of(snapshot: StudySnapshot, **asked: Any) -> Recommendation:  # noqa: ANN401
    return recommend(snapshot.study, study_evidence(snapshot).summary, **asked)


def evidence_of(snapshot: StudySnapshot) -> AxesEvidence:
    found = study_evidence(snapshot).summary.optimizers[0].axes
    assert found is not None
    return found


@pytest.fixture(scope="module")
def engine() -> AnalyticEngine:
    return AnalyticEngine(slots=3, moves=moves)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, engine: AnalyticEngine) -> StudySnapshot:
    return run(tmp_path_factory.mktemp("axes"), engine)


def test_every_cell_is_swept_around_its_own_optimum_at_the_proxy_width(
    swept: StudySnapshot,
) -> None:
    assert swept.study.state is StudyState.COMPLETED
    trials = swept.trials.of(Purpose.AXIS, "adamw")
    assert {one.width for one in trials} == {32}
    assert {one.cell.place for one in trials if one.cell} == {
        cell.place for cell in swept.study.spec.cells
    }
    assert len(swept.study.spec.cells) == 10
    cells = evidence_of(swept).cells
    assert [cell.optimum.status for cell in cells] == ["measured"] * 11
    for cell in cells:
        true = law(cell.depth, cell.batch_size / 16, cell.tokens / TOKENS) - 6.0
        rate = (cell.optimum.log2_learning_rate or 0.0) + cell.rule_octaves
        assert rate == pytest.approx(true, abs=0.2)


def test_trials_of_a_cell_are_ordered_as_they_are_to_be_trained(
    swept: StudySnapshot, engine: AnalyticEngine
) -> None:
    ordered = {
        trial.spec.number: trial.spec
        for order in engine.started
        if isinstance(order, TrainOrder)
        for trial in order.trials
    }
    for trial in swept.trials.of(Purpose.AXIS, "adamw"):
        spec, cell = ordered[trial.number], trial.cell
        assert cell is not None
        assert spec.model.family.depth == cell.depth
        assert spec.model.base_depth == 1
        assert (spec.training.batch_size, spec.training.steps) == (cell.batch_size, cell.steps)
        assert spec.model.multipliers.batch == cell.batch_size / 16
        assert trial.step == cell.steps


def test_the_laws_are_found_and_carry_the_rate_of_the_target(swept: StudySnapshot) -> None:
    laws = {one.name: one for one in evidence_of(swept).laws}
    for name, exponent in EXPONENTS.items():
        found = laws[name]
        assert abs(found.exponent - exponent) < 2 * found.standard_error
    answer, usual = answer_of(swept), answer_of(swept, depth=1, batch_size=16, tokens=TOKENS)
    by_rule = 0.5 * math.log2(4 / 16)
    moved = answer.learning_rate.log2 - usual.learning_rate.log2
    assert moved + by_rule == pytest.approx(law(8, 4, 16), abs=0.3)
    low, high = (math.log2(end) for end in answer.learning_rate.interval)
    assert low < usual.learning_rate.log2 + law(8, 4, 16) - by_rule < high


def test_measured_axes_say_so_and_ask_for_no_caution(swept: StudySnapshot) -> None:
    answer = answer_of(swept)
    axes = {one.name: one for one in answer.axes}
    for name in ("depth", "batch", "tokens"):
        assert axes[name].basis == "measured"
        assert axes[name].source == "this study's trials"
        assert "measured at width 32" in axes[name].words
    assert (axes["batch"].beyond, axes["tokens"].beyond, axes["depth"].beyond) == (1, 4, 2)
    assert not {one.topic for one in answer.reasons} & {"depth", "batch", "tokens"}
    rate, *others = answer.hyperparameters
    assert "along depth and batch and tokens as measured" in rate.words
    betas = {one.name: one.basis for one in others}
    assert betas["beta1"] == "empirical", "rules carry what was not measured"
    assert answer.measured_axes == evidence_of(swept)


@pytest.mark.parametrize(("times", "severity"), [(64, "caution"), (1024, "abstain")])
def test_far_beyond_what_was_measured_it_is_said(
    swept: StudySnapshot, times: int, severity: str
) -> None:
    answer = answer_of(swept, tokens=times * TOKENS)
    (reason,) = [one for one in answer.reasons if one.topic == "tokens"]
    assert reason.severity == severity


def test_trials_over_axes_cost_what_they_train(swept: StudySnapshot) -> None:
    summary = study_evidence(swept).summary
    longest = max(summary.trained, key=lambda at: at.cell.steps if at.cell else 0)
    assert longest.cell is not None
    assert longest.step == longest.cell.steps == 800
    assert answer_of(swept).cost.trials == len(swept.trials)


def test_a_budget_keeps_room_for_the_cells_and_ends_within_it(tmp_path: Path) -> None:
    axes = {"tokens": [2 * TOKENS, 4 * TOKENS], "seeds": 1}
    found = run(
        tmp_path,
        AnalyticEngine(slots=2, moves=moves),
        measure={"axes": axes},
        target={"width": 256, "tokens": 16 * TOKENS},
        budget={"flops_percent": 60},
    )
    answer = answer_of(found)
    assert answer.cost.share_percent <= 60
    assert [law.name for law in evidence_of(found).laws] == ["tokens"]


def test_what_was_not_measured_spans_the_rules_that_disagree(swept: StudySnapshot) -> None:
    """Without cells the interval reaches from the rate of one published exponent to another's."""
    plain = swept.model_copy(
        update={
            "trials": type(swept.trials)(
                one for one in swept.trials if one.purpose is not Purpose.AXIS
            )
        }
    )
    own, longer = (answer_of(plain, depth=1, batch_size=16, tokens=n * TOKENS) for n in (1, 8))
    assert longer.learning_rate.value == own.learning_rate.value
    by_rule, slowest_fall = -0.5 * 3, -0.28 * 3
    low, high = (math.log2(end) + by_rule for end in longer.learning_rate.interval)
    assert low <= own.learning_rate.log2 + by_rule
    assert high >= own.learning_rate.log2 + slowest_fall
    levels = [at.learning_rate for at in longer.learning_rate.quantiles]
    assert levels == sorted(levels)
    deep = answer_of(plain, depth=8, batch_size=16, tokens=TOKENS)
    assert deep.learning_rate.interval == own.learning_rate.interval
