"""The sentence that leads a recommendation: its whole target, and rates that are the target's."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from parametrization.shapes.roles import Role, TensorShape
from tests.tuner.builders import measured, snapshot, spec, study
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import BLOCKS, TOKENS, TRIALS, known, led_by, reason
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec

PROXIES = "for a run of 102,400 tokens (the proxies': yours was not given)"


def targeting(**target: Any) -> StudySnapshot:  # noqa: ANN401  a target's fields
    """A study measured at its target's width, of which nothing speaks against the numbers."""
    document = {"family": {"name": "gpt"}, "target": {"width": 256, **target}}
    asked = StudySpec.model_validate(document)
    stored = StudySpec.model_validate_json(asked.model_dump_json())
    return snapshot(TRIALS, record=study(spec=stored, shape=BLOCKS))


def test_a_duration_that_was_not_given_is_the_proxies_and_never_recommended() -> None:
    answer = recommend(targeting())
    assert not answer.target.tokens_given
    assert answer.verdict == "caution"
    assert answer.headline.startswith(f"CAUTION: width 256, depth 2, batch 16, {PROXIES}; gpt with")
    assert [one.topic for one in answer.reasons] == ["tokens"]
    assert "102,400 tokens in 200 steps" in reason(answer, "tokens").words


@pytest.mark.parametrize("asked", [{"tokens": TOKENS}, {"steps": 200}])
def test_a_duration_that_was_given_is_the_targets_own_even_if_it_equals_the_proxies(
    asked: dict[str, int],
) -> None:
    answer = recommend(targeting(**asked))
    assert answer.target.tokens_given
    assert (answer.verdict, answer.reasons) == ("recommend", ())
    assert answer.headline.startswith(
        "RECOMMEND: width 256, depth 2, batch 16, for a run of 102,400 tokens; gpt with adamw,"
    )


def test_tokens_asked_for_are_given_and_a_width_alone_is_not_a_duration() -> None:
    assert recommend(targeting(), tokens=TOKENS).verdict == "recommend"
    assert PROXIES in recommend(targeting(), width=128, batch_size=16).headline


def test_tokens_that_nobody_gave_cannot_be_said_to_be_given() -> None:
    with pytest.raises(ValidationError, match="neither tokens nor steps: give one of them"):
        targeting(tokens_given=True)


def test_rates_of_a_longer_run_on_larger_batches_are_those_of_its_tensors() -> None:
    answer = recommend(known(), batch_size=64, tokens=16 * TOKENS)
    at_base = answer.learning_rate.value
    by_role = {group.role: group.learning_rate for group in answer.groups}
    assert by_role[Role.INPUT] == pytest.approx(at_base / 2)
    assert by_role[Role.HIDDEN] == pytest.approx(at_base / 2 / 8)
    assert answer.headline.endswith(
        "gpt with adamw, peak learning rates 0.013 (input, vector, output), 0.0016 (hidden)"
    )
    assert answer.learning_rate.words == (
        "0.026 at the base (width 32, depth 2, batch 16, 102,400 tokens);"
        " 90 % interval 0.012 to 0.051, ± 1 octaves"
    ), "published rules disagree by an octave for each of the two"


def test_rates_of_a_companion_are_named_apart() -> None:
    headline = recommend(led_by("muon_spectral")).headline
    assert "hidden by muon_spectral" in headline
    assert "input by adamw" in headline


def test_tensors_of_one_role_with_different_rates_are_named() -> None:
    norm = TensorShape("norm.weight", Role.VECTOR, (32,), (True,), None, 0, 1.0)
    shape = replace(BLOCKS, tensors=(*BLOCKS.tensors, norm))
    record = study(spec=spec(policies={"depth_rule": "depth-mup"}), shape=shape)
    headline = recommend(snapshot(TRIALS, record=record), depth=8).headline
    assert headline.endswith(
        "0.0261 (input, output, vector such as norm.weight), 0.00163 (hidden),"
        " 0.013 (vector such as blocks.*.bias)"
    )


@pytest.mark.parametrize("state", list(StudyState))
def test_only_a_study_that_has_ended_is_judged(state: StudyState) -> None:
    two_widths = measured(widths=(32, 64)).trials
    answer = recommend(snapshot(two_widths, record=study(state, spec=spec())))
    ended = state in (StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED)
    assert answer.verdict == ("caution" if ended else "in_progress")
    lead = answer.headline.split(":")[0]
    if state is StudyState.COMPLETED:
        assert lead == "CAUTION"
    else:
        assert lead == f"{'CAUTION' if ended else 'IN PROGRESS'} (the study is {state})"
        assert "not every trial ran" in reason(answer, "state").words or not ended
