"""Changes between two answers of a study are told in numbers and in words."""

from parametrization.recommendation.document import RecommendationDocument
from tests.tuner.builders import measured, surface
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.comparing.changes import changes_between

WIDTHS = (32, 64, 128)


def answer(optimum: float = -5.3) -> RecommendationDocument:
    return recommend(measured(surface(optimum=optimum), widths=WIDTHS))


def test_an_answer_has_not_changed_from_itself() -> None:
    found = changes_between(answer(), answer())
    assert found.is_same
    assert (found.values, found.reasons_added, found.reasons_gone) == ((), (), ())
    assert found.words == ("nothing: today's answer is the stored one",)


def test_a_rate_that_moved_changes_every_group_and_is_told_in_octaves_and_numbers() -> None:
    before, now = answer(), answer(optimum=-4.3)
    found = changes_between(before, now)
    assert not found.is_same
    assert not found.is_evidence_same
    changed = {one.pointer: (one.before, one.now) for one in found.values}
    assert changed["/base_hyperparameters/learning_rate"] == (
        before.learning_rate.value,
        now.learning_rate.value,
    )
    (hidden,) = (group for group in before.groups if group.role == "hidden")
    assert changed["/groups/adamw hidden/learning_rate"][0] == hidden.learning_rate
    assert "/groups/adamw hidden/weight_decay" not in changed
    assert any("octaves higher" in line for line in found.words)
    assert any(line.startswith("groups, adamw hidden, learning rate: ") for line in found.words)


def test_verdict_rules_and_reasons_are_told_with_what_they_were() -> None:
    before = answer()
    reason = before.reasons[0] if before.reasons else None
    older = before.provenance.model_copy(update={"rule_version": "rules-older"})
    found = changes_between(
        before.model_copy(update={"verdict": "recommend", "reasons": (), "provenance": older}),
        before.model_copy(update={"verdict": "abstain"}),
    )
    assert found.words[0] == "verdict: recommend → abstain"
    assert f"scaling rules: version rules-older → {before.provenance.rule_version}" in found.words
    assert (reason is None) or f"now against it: {reason.words}" in found.words
    back = changes_between(before, before.model_copy(update={"reasons": ()}))
    assert [one.words for one in back.reasons_gone] == [one.words for one in before.reasons]
