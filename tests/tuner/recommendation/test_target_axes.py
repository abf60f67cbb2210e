"""A recommendation for a target that is deeper, or trained on other batches, or for longer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.optimizers.rules_version import rules_version
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import Role
from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import BLOCKS, TOKENS, axis, known, reason
from tuner.recommendation.recommend import Recommendation
from tuner.spec.requested_target import IllegalTarget


@pytest.mark.parametrize("choices", [{}, {"depth_rule": "depth-mup"}, {"alpha": 0.5}])
@pytest.mark.parametrize(
    "asked",
    [
        {"depth": 12},
        {"batch_size": 32},
        {"tokens": 3 * TOKENS},
        {"width": 512, "depth": 6, "batch_size": 48, "tokens": 2 * TOKENS},
    ],
)
def test_every_tensor_of_the_target_has_the_rules_numbers(
    asked: dict[str, Any], choices: dict[str, Any]
) -> None:
    answer = recommend(known(policies=choices), **asked)
    depth = asked.get("depth", 2)
    scalings = scale(
        shape_at_depth(BLOCKS, 2, depth),
        answer.base_hyperparameters,
        Multipliers(
            asked.get("width", 256) / BLOCKS.base_width,
            depth=depth / 2,
            batch=asked.get("batch_size", 16) / 16,
            tokens=asked.get("tokens", TOKENS) / TOKENS,
        ),
        optimizer="adamw",
        policies=Policies(**choices),
    )
    rows = {name: tensor for tensor in answer.tensors for name in tensor.names}
    assert sorted(rows) == sorted(scaling.name for scaling in scalings)
    assert len(rows) == 2 * (1 + depth)
    for scaling in scalings:
        row = rows[scaling.name]
        for field in ("init_std", "multiplier", "learning_rate", "weight_decay", "epsilon"):
            assert getattr(row, field) == getattr(scaling, field)
        assert (row.others, row.shape) == (dict(scaling.others), scaling.shape)
    branch = (depth / 2) ** -Policies(**choices).residual_alpha
    assert answer.residual_multiplier == pytest.approx(branch)


def test_a_target_like_the_proxies_is_answered_as_ever() -> None:
    usual = recommend(known())
    assert usual == recommend(known(), depth=2, batch_size=16, tokens=TOKENS)
    assert (usual.verdict, usual.reasons, usual.residual_multiplier) == ("recommend", (), 1.0)
    assert {one.name: one.basis for one in usual.axes if one.name != "width"} == {
        "depth": "measured",
        "batch": "measured",
        "tokens": "measured",
    }


def test_further_blocks_are_listed_by_their_names() -> None:
    answer = recommend(known(), depth=4)
    hidden = next(one for one in answer.tensors if one.pattern == "blocks.*.weight")
    assert hidden.names == tuple(f"blocks.{number}.weight" for number in range(4))
    assert {tensor.name for tensor in answer.base_shapes.tensors} >= {*hidden.names}
    assert (answer.base_depth, answer.target.depth) == (2, 4)


@pytest.mark.parametrize(
    ("asked", "name", "basis", "rule", "words"),
    [
        ({"depth": 12}, "depth", "theory", "depth_rule completep, alpha 1", "branches / 6"),
        ({"batch_size": 32}, "batch", "empirical", "horizon_rule complete-d", "rate x 1.41,"),
        (
            {"tokens": 4 * TOKENS},
            "tokens",
            "empirical",
            "horizon_rule complete-d",
            "-0.28 to -0.32",
        ),
    ],
)
def test_an_axis_that_moves_names_its_rule_and_asks_for_caution(
    asked: dict[str, Any], name: str, basis: str, rule: str, words: str
) -> None:
    answer = recommend(known(), **asked)
    found = axis(answer, name)
    assert (found.basis, found.rule) == (basis, rule)
    assert found.version == rules_version(Policies())
    assert "arXiv:" in found.source
    assert words in found.words
    assert "by the rule alone: this study did not measure it" in found.words
    assert reason(answer, name).severity == answer.verdict == "caution"
    assert reason(answer, name).words.endswith(found.words)
    assert answer.hyperparameters[0].basis == basis
    assert {one.topic for one in answer.reasons} == {name}


def test_an_axis_that_no_rule_was_named_for_is_not_transferable_and_abstains() -> None:
    none = known(policies={"depth_rule": "none", "horizon_rule": "none"})
    usual, answer = recommend(none), recommend(none, depth=4, batch_size=32, tokens=2 * TOKENS)
    assert answer.verdict == "abstain"
    for name in ("depth", "batch", "tokens"):
        assert axis(answer, name).basis == "not_transferable"
        assert "rule is none" in reason(answer, name).words
    assert answer.groups == usual.groups
    assert answer.residual_multiplier == 1
    assert (answer.multipliers.depth, answer.multipliers.batch, answer.multipliers.tokens) == (
        *(1.0, 1.0, 1.0),
    )


@given(depth=st.integers(1, 64), batch=st.integers(1, 4096), tokens=st.integers(1, 10**9))
def test_any_target_is_answered_with_finite_numbers_and_honest_labels(
    depth: int, batch: int, tokens: int
) -> None:
    answer = recommend(known(), depth=depth, batch_size=batch, tokens=tokens)
    for name, ours in (("depth", 2), ("batch", 16), ("tokens", TOKENS)):
        found = axis(answer, name)
        assert found.proxy == ours
        assert (found.basis == "measured") == (found.target == ours)
    for group in answer.groups:
        assert 0 < group.learning_rate < float("inf")
        assert group.beta1 is not None
        assert 0 <= group.beta1 <= 1
    assert answer.schedule.steps == answer.target.steps
    Recommendation.model_validate_json(answer.model_dump_json())


def test_hyperparameters_rest_on_the_axes_that_they_follow() -> None:
    answer = recommend(known(), depth=4, batch_size=128)
    found = {one.name: one for one in answer.hyperparameters}
    bases = {name: one.basis for name, one in found.items()}
    assert bases == {
        **dict.fromkeys(("learning_rate", "beta1", "beta2", "epsilon"), "extrapolated"),
        **dict.fromkeys(("init_std", "output_multiplier"), "theory"),
        "weight_decay": "not_transferable",
    }
    assert found["learning_rate"].words.endswith(
        "AdamW rate constant in width (input, vector, output), 1/width (hidden);"
        " AdamW rate x sqrt(batch)"
    )
    assert found["beta1"].words == "AdamW beta1 constant in width; AdamW log(beta1) x batch"
    unmoved = {one.name: one for one in recommend(known()).hyperparameters}
    assert unmoved["beta1"].basis == "theory"
    assert "batch" not in unmoved["learning_rate"].words
    none = recommend(known(policies={"horizon_rule": "none"}), batch_size=32).hyperparameters
    assert {one.name: one.basis for one in none}["beta1"] == "theory"
    assert none[0].basis == "not_transferable"


def test_the_schedule_is_drawn_out_over_the_targets_steps_and_at_its_rate() -> None:
    answer = recommend(known(), batch_size=32, tokens=8 * TOKENS)
    assert answer.schedule.steps == answer.target.steps == 800
    assert answer.schedule.preview[-1].step == 799
    assert answer.groups[answer.schedule.group].role is Role.HIDDEN
    peak = answer.learning_rate.value * (2 / 8) ** 0.5 * 32 / 256
    assert max(point.learning_rate for point in answer.schedule.preview) == pytest.approx(
        peak, rel=0.02
    )


def test_the_cost_is_a_share_of_the_targets_own_training() -> None:
    near, far = recommend(known()), recommend(known(), depth=4, tokens=10 * TOKENS)
    blocks = 2 * (256 * 256 + 256)
    assert far.cost.target_parameters == near.cost.target_parameters + blocks
    assert far.cost.target_tokens == 10 * near.cost.target_tokens
    growth = 10 * far.cost.target_parameters / near.cost.target_parameters
    assert near.cost.share_percent / far.cost.share_percent == pytest.approx(growth)


def test_the_studys_own_target_is_answered_unasked() -> None:
    target = {"width": 256, "depth": 6, "batch_size": 32, "tokens": 2 * TOKENS}
    assert recommend(known(target=target)).target.model_dump() == target | {
        "steps": 200,
        "tokens_given": True,
    }
    narrower = recommend(known(target=target), width=128)
    assert narrower.target.model_dump() == target | {
        **{"width": 128, "steps": 200, "tokens_given": True}
    }


def test_small_proxies_are_stated_unless_the_target_itself_was_measured() -> None:
    assert "what the literature trusts" not in axis(recommend(known()), "width").words
    stated = axis(recommend(known(), depth=4), "width").words
    assert "proxies below what the literature trusts (arXiv:2203.03466, App. D)" in stated
    assert "steps 200 < 5,000" in stated
    assert {one.topic for one in recommend(known(), depth=4).reasons} == {"depth"}


@pytest.mark.parametrize(
    ("depth", "severity", "basis"),
    [(16, "caution", "theory"), (64, "caution", "extrapolated"), (128, "abstain", "extrapolated")],
)
def test_a_depth_far_beyond_what_its_rule_was_tested_for_is_not_answered_for(
    depth: int, severity: str, basis: str
) -> None:
    answer = recommend(known(), depth=depth)

    assert reason(answer, "depth").severity == severity
    assert axis(answer, "depth").basis == basis


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"depth": 0}, "depth", "depth 0 is not positive"),
        ({"batch_size": -1}, "batch_size", "batch_size -1 is not positive"),
        ({"width": 250}, "width", "nearest legal width is 256"),
    ],
)
def test_an_illegal_target_names_the_number_to_change(
    asked: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(IllegalTarget, match=words) as refused:
        recommend(known(), **asked)
    assert refused.value.field == field


def test_an_mlp_has_one_depth() -> None:
    trials = Trials(surface()).search([-6.0, -5.0])
    mlp = study(spec=spec(family={"name": "mlp"}))
    with pytest.raises(IllegalTarget, match="its layers are no residual blocks; use 3") as refused:
        recommend(snapshot(trials, record=mlp), depth=6)
    assert refused.value.field == "depth"
