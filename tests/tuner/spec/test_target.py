"""What a study says of its target and of disputed rules: defaults, echoes and contradictions."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from parametrization.optimizers.rules_version import rules_version
from parametrization.rules.policies import Policies
from tests.tuner.builders import passing_check, snapshot, spec, study, trial
from tuner.decisions.packing import trial_spec
from tuner.decisions.plan import wanted_orders
from tuner.engine.orders import CheckOrder, TrialSpec
from tuner.evidence.coordinate_check import check_verdict
from tuner.spec.requested_target import IllegalTarget, target_asked
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.spec.target import WIDEST

PROXIES = {"steps": 200, "batch_size": 16}
CONTEXT = 32
EXAMPLES = Path(__file__).parents[3] / "examples"


def targeting(**fields: Any) -> StudySpec:  # noqa: ANN401  a target's fields
    """A GPT study of depth 2: 200 steps of 16 sequences of 32 tokens."""
    return spec(target={"width": 256, **fields}, training=PROXIES)


def problems(**fields: Any) -> list[tuple[str, str]]:  # noqa: ANN401  a study's fields
    """Pointer and words of everything that disagrees."""
    with pytest.raises(ValidationError) as found:
        spec(**fields)
    return [
        (str(pointer), str(words))
        for error in found.value.errors()
        for pointer, words in error["ctx"]["problems"]
    ]


def test_a_target_of_a_width_alone_is_otherwise_the_proxies_and_says_so() -> None:
    tokens = 200 * 16 * CONTEXT
    asked = StudySpec.model_validate({"family": {"name": "gpt"}, "target": {"width": 256}})
    assert asked.target.model_dump() == {
        "width": 256,
        "depth": 2,
        "batch_size": 16,
        "tokens": tokens,
        "steps": 200,
        "tokens_given": False,
    }


@pytest.mark.parametrize(
    ("asked", "tokens", "steps"),
    [
        ({"batch_size": 128}, 200 * 16 * CONTEXT, 25),
        ({"batch_size": 100}, 200 * 16 * CONTEXT, 32),
        ({"steps": 1000}, 1000 * 16 * CONTEXT, 1000),
        ({"steps": 1000, "batch_size": 128}, 1000 * 128 * CONTEXT, 1000),
        ({"tokens": 1_024_000, "batch_size": 128}, 1_024_000, 250),
        ({"tokens": 1_024_001, "batch_size": 128}, 1_024_001, 251),
    ],
)
def test_tokens_and_steps_follow_from_each_other(
    asked: dict[str, int], tokens: int, steps: int
) -> None:
    target = targeting(**asked).target
    assert (target.tokens, target.steps) == (tokens, steps)


@given(
    asked=st.fixed_dictionaries(
        {},
        optional={
            "depth": st.integers(1, 1024),
            "batch_size": st.integers(1, 2**24),
            "tokens": st.integers(1, 10**18),
        },
    )
)
def test_a_stored_study_loads_as_it_was(asked: dict[str, int]) -> None:
    stored = targeting(**asked)
    loaded = StudySpec.model_validate_json(stored.model_dump_json())
    assert loaded == stored
    assert loaded.whole_target == stored.whole_target
    assert loaded.whole_target.model_dump() == stored.target.model_dump()


def test_a_study_stored_before_targets_had_more_than_a_width_loads() -> None:
    document = spec().model_dump(mode="json")
    document["target"] = {"width": 256}
    del document["policies"]
    asked = {"family": {"name": "gpt"}, "target": {"width": 256}}
    assert StudySpec.model_validate(document) == StudySpec.model_validate(asked)
    assert spec().policies == Policies()


@given(head_size=st.integers(2, 256), width=st.integers(1, WIDEST))
@example(head_size=16, width=100)
@example(head_size=24, width=WIDEST)
def test_creating_a_study_and_asking_for_a_target_name_the_same_nearest_width(
    head_size: int, width: int
) -> None:
    family = {"name": "gpt", "head_size": head_size, "positions": "learned"}
    legal = spec(family=family, target={"width": WIDEST // head_size * head_size})
    nearest = legal.family.nearest_width(width)
    if legal.family.width_problem(width) is None:
        assert nearest == width
        return
    said = f"the nearest legal width is {nearest}"
    at_creation = dict(problems(family=family, target=legal.target, base_width=width))
    assert said in at_creation["/base_width"]
    with pytest.raises(IllegalTarget, match=said):
        target_asked(legal, width=width)
    assert legal.family.width_problem(nearest) is None
    further = [at for at in (nearest - head_size, nearest + head_size) if 0 < at <= WIDEST]
    assert all(abs(at - width) >= abs(nearest - width) for at in further)


def test_a_width_of_100_with_heads_of_16_has_the_nearest_legal_width_96() -> None:
    ((_, words),) = problems(target={"width": 100}, proxy_width=16)
    assert words == (
        "width 100 is not a positive multiple of 16 (head_size): the nearest legal width is 96,"
        " or change head_size of the family"
    )


@pytest.mark.parametrize("study", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_gives_its_targets_duration(study: Path) -> None:
    asked = StudySpec.model_validate(yaml.safe_load(study.read_text(encoding="utf-8")))
    assert asked.target.tokens_given
    assert asked.target.tokens == asked.proxies.tokens


def test_steps_and_tokens_that_disagree_are_refused() -> None:
    assert problems(target={"width": 256, "steps": 100, "tokens": 1_024_000}) == [
        (
            "/target/steps",
            "100 steps disagree with 1024000 tokens, which are 2000 steps of 16 examples:"
            " leave steps or tokens out",
        )
    ]


def test_steps_of_more_tokens_than_can_be_counted_are_refused() -> None:
    ((pointer, words),) = problems(target={"width": 256, "steps": 10**12, "batch_size": 2**24})
    assert pointer == "/target/steps"
    assert words.endswith("lower steps until they are 1000000000000000000 or fewer")
    most = {"steps": 10_000_000, "batch_size": 65_536}
    assert spec(family={"name": "gpt", "context": 4096}, training=most).target.steps == 10_000_000


@pytest.mark.parametrize(
    ("family", "depth", "why"),
    [("mlp", 3, "its layers are no residual blocks"), ("unet", 3, "its levels are no repeated")],
)
def test_a_depth_that_no_rule_reaches_is_refused(family: str, depth: int, why: str) -> None:
    ((pointer, words),) = problems(family={"name": family}, target={"width": 256, "depth": 12})
    assert pointer == "/target/depth"
    assert words.startswith(f"depth 12 is not the proxies' {depth}, and no depth rule holds for")
    assert why in words
    assert words.endswith(f"use {depth}, or tune proxies of depth 12")
    assert spec(family={"name": family}, target={"width": 256, "depth": depth})


@pytest.mark.parametrize("family", ["gpt", "vit", "dit", "resnet"])
def test_families_of_residual_blocks_have_targets_of_any_depth(family: str) -> None:
    made = spec(family={"name": family}, target={"width": 256, "depth": 96})
    assert made.whole_target.depth == 96


def test_policies_are_chosen_by_name_and_reach_the_rules() -> None:
    chosen = spec(policies={"weight_decay_rule": "wd-d", "depth_rule": "depth-mup"})
    assert chosen.policies == Policies(
        weight_decay_rule=chosen.policies.weight_decay_rule,
        depth_rule=chosen.policies.depth_rule,
    )
    assert rules_version(chosen.policies) != rules_version(Policies())
    policies = TypeAdapter(Policies)
    stored = policies.dump_python(chosen.policies, mode="json")
    assert policies.validate_python(stored) == chosen.policies


def test_a_policy_without_a_row_for_an_optimizer_is_refused_before_anything_runs() -> None:
    rule = {"embedding_lr_rule": "sqrt"}
    ((pointer, words),) = problems(policies=rule, optimizers=[{"name": "adamw"}, {"name": "sgd"}])
    assert pointer == "/policies/embedding_lr_rule"
    assert words.startswith("sqrt has no rule for sgd, which trains the lookup tables under sgd:")
    assert "use constant" in words
    assert spec(policies=rule, optimizers=[{"name": "adamw"}, {"name": "muon_spectral"}])


def test_whoever_trains_or_checks_is_told_the_policies() -> None:
    record = study(StudyState.CHECKING, spec=spec(policies={"epsilon_rule": "constant"}))
    checks = list(wanted_orders(snapshot(statistics=(), record=record)))
    assert checks
    for order in checks:
        assert isinstance(order, CheckOrder)
        assert order.model.policies == record.spec.policies
    trained = trial_spec(record.spec, trial(0))
    assert trained.model.policies == record.spec.policies
    assert TrialSpec.model_validate_json(trained.model_dump_json()) == trained


@pytest.mark.parametrize(("rule", "slope"), [("constant", 0.0), ("sqrt", -0.5)])
def test_a_study_is_checked_by_what_its_policies_ask(rule: str, slope: float) -> None:
    record = study(spec=spec(policies={"embedding_lr_rule": rule}))
    for wrong in (0.0, -0.5):
        statistics = tuple(
            at.model_copy(update={"update_rms": (at.update_rms or 0.0) * (at.width / 64) ** wrong})
            if at.tensor == "embed.weight"
            else at
            for at in passing_check()
        )
        verdict = check_verdict(snapshot(statistics=statistics, record=record), "adamw")
        assert verdict is not None
        assert verdict.passed is (wrong == slope)


def test_sp_with_mups_embedding_rate_is_refused_where_a_companion_trains_the_embedding() -> None:
    both = [{"name": "adamw"}, {"name": "muon_spectral"}]
    ((pointer, words),) = problems(control="sp+embedding", optimizers=both)
    assert pointer == "/control"
    assert "beside muon_spectral adamw trains the embedding: use sp" in words
    assert spec(control="sp+embedding", optimizers=[{"name": "adamw"}, {"name": "sgd"}])
