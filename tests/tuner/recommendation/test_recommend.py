"""The answer of a study for any width: its numbers, and what they come with."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.optimizers.rules_version import rules_version
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.tuner.builders import (
    SHAPE,
    Trials,
    measured,
    searched,
    snapshot,
    spec,
    study,
    surface,
    trial,
)
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.recommend import Recommendation
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState

WIDTHS = (32, 64, 128, 256)
AT_TARGET = measured(widths=WIDTHS)


def topics(answer: Recommendation) -> list[str]:
    """Topics of the reasons, in order."""
    return [one.topic for one in answer.reasons]


def test_a_study_measured_at_its_target_is_recommended_without_a_reason_against() -> None:
    answer = recommend(AT_TARGET)

    assert (answer.verdict, answer.reasons, answer.provisional) == ("recommend", (), False)
    assert answer.learning_rate.log2 == pytest.approx(-5.3, abs=0.15)
    assert answer.learning_rate.low < answer.learning_rate.value < answer.learning_rate.high
    assert answer.learning_rate.confidence == 0.9
    assert answer.axes[0].basis == "measured"


def test_every_tensor_has_the_rules_numbers_at_the_target_width() -> None:
    answer = recommend(AT_TARGET, width=512)

    scalings = scale(
        SHAPE, answer.base_hyperparameters, Multipliers(512 / SHAPE.base_width), optimizer="adamw"
    )
    rows = {name: tensor for tensor in answer.tensors for name in tensor.names}
    assert list(rows)
    assert rows.keys() == {scaling.name for scaling in scalings}
    for scaling in scalings:
        row = rows[scaling.name]
        for field in ("init_std", "constant", "multiplier", "learning_rate", "weight_decay"):
            assert getattr(row, field) == getattr(scaling, field)
        assert (row.epsilon, row.shape, row.role) == (scaling.epsilon, scaling.shape, scaling.role)


def test_groups_hold_every_tensor_once_and_name_their_ratio_to_the_base_rate() -> None:
    answer = recommend(AT_TARGET, width=512)

    patterns = [pattern for group in answer.groups for pattern in group.patterns]
    assert sorted(patterns) == sorted(tensor.pattern for tensor in answer.tensors)
    hidden = next(group for group in answer.groups if group.role is Role.HIDDEN)
    assert hidden.learning_rate_multiplier == pytest.approx(1 / 16)
    assert hidden.learning_rate == pytest.approx(answer.learning_rate.value / 16)
    assert hidden.weight_decay == pytest.approx(0.1 * 16)
    assert (hidden.beta1, hidden.beta2, hidden.momentum) == (0.9, 0.95, None)
    assert hidden.patterns == ("blocks.*.weight",)


@given(heads=st.integers(2, 4096))  # from the proxies' width up
def test_any_legal_width_is_answered_with_an_ordered_interval(heads: int) -> None:
    answer = recommend(AT_TARGET, width=16 * heads)

    rate = answer.learning_rate
    assert 0 < rate.low < rate.value < rate.high
    assert math.log2(rate.high / rate.low) == pytest.approx(2 * rate.half_width_octaves)
    assert answer.width_multiplier == heads / 2
    json.loads(answer.model_dump_json())


@pytest.mark.parametrize(("width", "nearest"), [(250, 256), (1, 16), (0, 16), (-16, 16), (23, 16)])
def test_an_illegal_width_is_refused_with_the_nearest_legal_one(width: int, nearest: int) -> None:
    with pytest.raises(ValueError, match=rf"width {width} .* nearest legal width is {nearest}$"):
        recommend(AT_TARGET, width=width)


def test_an_optimizer_that_the_study_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="sgd is not one of the study's: choose one of adamw"):
        recommend(AT_TARGET, optimizer="sgd")


def nothing_finished() -> list[StudySnapshot]:
    """Studies of which nothing is known."""
    running = trial(0, state=TrialState.RUNNING, value=None)
    diverged = trial(0, state=TrialState.PRUNED, state_reason=StateReason.DIVERGED, value=None)
    return [
        snapshot(),
        snapshot([running]),
        snapshot([diverged]),
        snapshot(searched(), record=study(shape=None)),
    ]


@pytest.mark.parametrize("known", nothing_finished())
def test_nothing_known_is_not_ready(known: StudySnapshot) -> None:
    with pytest.raises(NotReady, match="std_1"):
        recommend(known)


def test_one_finished_trial_gives_a_wide_answer_with_a_reason_to_abstain() -> None:
    answer = recommend(snapshot([trial(0)], record=study(StudyState.SEARCHING)))

    assert answer.verdict == "in_progress"
    assert answer.reasons[0].severity == "abstain"
    assert answer.learning_rate.value == 2.0**-5
    assert answer.learning_rate.half_width_octaves >= 2
    assert answer.learning_rate.predicted_regret_percent is None


def test_the_search_alone_gives_a_provisional_answer_that_narrows() -> None:
    searching = study(StudyState.SEARCHING)
    early = recommend(snapshot(searched(), record=searching))
    later = recommend(snapshot(searched().measure(), record=study(StudyState.MEASURING)))
    final = recommend(measured())

    assert early.provisional
    assert later.provisional
    assert not final.provisional
    assert early.verdict == later.verdict == "in_progress"
    assert final.verdict == "recommend"
    assert "state" in topics(early)
    assert "widths" in topics(early)
    assert early.learning_rate.half_width_octaves > 2 * later.learning_rate.half_width_octaves
    assert early.axes[0].basis == "theory"
    assert later.axes[0].basis == "extrapolated"
    assert early.learning_rate.low < 2.0**-5.3 < early.learning_rate.high


def test_the_interval_widens_with_the_distance_to_the_measured_widths() -> None:
    halves = [
        recommend(measured(), width=width).learning_rate.half_width_octaves
        for width in (128, 256, 1024, 8192)
    ]

    assert halves == sorted(halves)
    assert halves[-1] > 2 * halves[0]


def test_the_best_optimizer_answers_unless_another_is_asked_for() -> None:
    record = study(spec=spec(optimizers=[{"name": "sgd"}, {"name": "adamw"}]))
    trials = Trials(surface())
    for optimizer, offset in (("sgd", 0.05), ("adamw", 0.0)):
        trials.search([-6.0, -5.5, -5.0, -4.5, -4.0], optimizer, offset)
        trials.measure(optimizer=optimizer, offset=offset)
    known = snapshot(trials, record=record)

    answer, asked = recommend(known), recommend(known, optimizer="sgd")

    assert answer.optimizer == "adamw"
    assert [at.optimizer for at in answer.optimizers] == ["adamw", "sgd"]
    assert asked.optimizer == "sgd"
    assert all(group.momentum == 0.9 and group.epsilon is None for group in asked.groups)


def test_the_control_is_shown_if_it_ran() -> None:
    with_control = searched().measure().measure(purpose=Purpose.CONTROL)

    answer = recommend(snapshot(with_control))

    assert recommend(measured()).control is None
    assert answer.control is not None
    assert answer.control.parametrization is Parametrization.SP
    assert answer.learning_rate == recommend(measured()).learning_rate


def test_the_winners_other_hyperparameters_come_with_the_fitted_rate() -> None:
    best = trial(0, value=0.1)
    tuned = best.model_copy(update={"hyperparameters": best.hyperparameters | {"init_std": 0.7}})
    record = study(
        spec=spec(
            optimizers=[{"name": "adamw", "init_std": {"type": "float", "low": 0.1, "high": 2}}]
        )
    )

    answer = recommend(snapshot([tuned, *measured().trials[1:]], record=record))

    values = {one.name: one for one in answer.hyperparameters}
    assert answer.base_hyperparameters["init_std"] == values["init_std"].value == 0.7
    assert values["init_std"].origin == "searched"
    assert values["beta1"].origin == "given"
    assert values["weight_decay"].basis == "not_transferable"
    assert answer.hyperparameters[0].name == "learning_rate"
    assert answer.base_hyperparameters["learning_rate"] == answer.learning_rate.value


def test_the_preview_of_the_schedule_starts_warming_up_and_ends_near_zero() -> None:
    long = recommend(snapshot(AT_TARGET.trials, record=study(spec=spec(training={"steps": 5000}))))

    preview = long.schedule.preview
    assert len(preview) == 101
    assert (preview[0].step, preview[-1].step) == (0, 4999)
    assert max(point.factor for point in preview) == pytest.approx(1.0, abs=0.01)
    assert preview[-1].factor < 0.001
    assert (
        preview[50].learning_rate
        == preview[50].factor * long.groups[long.schedule.group].learning_rate
    )
    assert len(recommend(AT_TARGET).schedule.preview) == 101
    short = study(spec=spec(training={"steps": 8}))
    assert [
        p.step for p in recommend(snapshot(AT_TARGET.trials, record=short)).schedule.preview
    ] == list(range(8))


def test_costs_are_six_flops_a_parameter_and_token_of_the_updates_that_were_done() -> None:
    stopped = trial(1, state=TrialState.PRUNED, value=None, step=50)
    waiting = trial(2, state=TrialState.WAITING, value=None, step=0)

    cost = recommend(snapshot([trial(0), stopped, waiting])).cost

    proxy, target = (256 * width * 2 + 2 * (width * width + width) for width in (32, 256))
    assert cost.target_parameters == target
    assert cost.target_tokens == 200 * 16 * 32
    assert cost.target_flops == pytest.approx(6 * target * 200 * 16 * 32)
    assert cost.trials == 2
    assert cost.tuning_flops == pytest.approx(6 * proxy * (200 + 50) * 16 * 32)
    assert cost.share_percent == pytest.approx(100 * 1.25 * proxy / target)


def test_tensors_that_are_like_in_name_alone_keep_their_own_numbers() -> None:
    wider = TensorShape("blocks.1.weight", Role.HIDDEN, (32, 128), (True, True), 1, 0)
    tensors = tuple(wider if at.name == wider.name else at for at in SHAPE.tensors)
    shape = ModelShape(32, tensors)

    answer = recommend(snapshot([trial(0)], statistics=(), record=study(shape=shape)))

    rows = {tensor.pattern: tensor for tensor in answer.tensors}
    assert rows["blocks.*.bias"].names == ("blocks.0.bias", "blocks.1.bias")
    assert rows["blocks.1.weight"].shape == (256, 1024)
    assert rows["blocks.0.weight"].init_std == pytest.approx(256**-0.5)
    assert rows["blocks.1.weight"].init_std == pytest.approx(1024**-0.5)


def test_provenance_changes_with_the_evidence_and_with_the_spec() -> None:
    one = recommend(AT_TARGET).provenance
    again = recommend(AT_TARGET).provenance
    fewer = recommend(snapshot(AT_TARGET.trials[:-1])).provenance
    renamed = recommend(
        snapshot(AT_TARGET.trials, record=study(spec=spec(name="other")))
    ).provenance

    assert one == again
    assert one.evidence_sha256 != fewer.evidence_sha256
    assert one.spec_sha256 == fewer.spec_sha256 != renamed.spec_sha256
    hashed = snapshot(AT_TARGET.trials, record=study(data_sha256="d" * 64))
    assert recommend(hashed).provenance.data_sha256 == "d" * 64
    assert one.rule_version == rules_version(Policies())


def test_axes_name_what_they_rest_on() -> None:
    axes = {axis.name: axis for axis in recommend(measured()).axes}

    assert set(axes) == {"width", "depth", "batch", "tokens"}
    assert axes["width"].basis == "extrapolated"
    assert (axes["width"].proxy, axes["width"].target) == (32, 256)
    assert axes["tokens"].proxy == axes["tokens"].target == 200 * 16 * 32
    assert all(axis.rule and axis.source and axis.version and axis.words for axis in axes.values())


def test_an_answer_survives_json_unchanged() -> None:
    answer = recommend(AT_TARGET)

    assert Recommendation.model_validate_json(answer.model_dump_json()) == answer
