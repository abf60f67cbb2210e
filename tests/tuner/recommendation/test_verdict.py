"""What a recommendation says against itself, and when it abstains."""

import math
from typing import Any

import pytest

from parametrization.recommendation.trust import Reason
from parametrization.rules.parametrization import Parametrization
from tests.tuner.builders import (
    Trials,
    measured,
    passing_check,
    snapshot,
    spec,
    study,
    surface,
)
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.recommend import Recommendation
from tuner.recommendation.verdict import (
    Findings,
    reasons_against,
)
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import StudyState

WIDTHS = (32, 64, 128, 256)
AT_TARGET = measured(widths=WIDTHS)


def reason(answer: Recommendation, topic: str) -> Reason:
    """The one reason of a topic."""
    (found,) = [one for one in answer.reasons if one.topic == topic]
    return found


def topics(answer: Recommendation) -> list[str]:
    """Topics of the reasons, in order."""
    return [one.topic for one in answer.reasons]


@pytest.mark.parametrize(
    ("drift", "severity"), [(0.0, None), (0.2, None), (0.29, "caution"), (0.6, "abstain")]
)
def test_a_drift_beyond_a_quarter_octave_a_doubling_is_warned_of(
    drift: float, severity: str | None
) -> None:
    answer = recommend(measured(surface(drift=drift)))

    assert answer.evidence.drift is not None
    assert answer.evidence.drift.octaves_per_doubling == pytest.approx(drift, abs=0.05)
    if severity is None:
        assert "drift" not in topics(answer)
    else:
        assert reason(answer, "drift").severity == severity


def test_a_drift_is_followed_less_with_every_doubling() -> None:
    drifting = measured(surface(drift=0.2))

    last, near, far = (recommend(drifting, width=width) for width in (128, 256, 512))

    steps = [
        one.learning_rate.log2 - other.learning_rate.log2
        for other, one in ((last, near), (near, far))
    ]
    assert 0.2 > steps[0] > steps[1] > 0
    assert far.extrapolated_drift_octaves == pytest.approx(sum(steps))


def test_a_drift_does_not_bear_on_a_width_that_was_measured() -> None:
    drifting = measured(surface(drift=0.6))

    assert "drift" not in topics(recommend(drifting, width=128))


def test_an_optimum_on_the_edge_of_the_proxys_grid_abstains() -> None:
    answer = recommend(measured(surface(optimum=-1.0)))

    assert answer.verdict == "abstain"
    assert any("high end" in one.words for one in answer.reasons if one.topic == "optimum")


@pytest.mark.parametrize(
    ("percent", "severities"), [(1.99, []), (2.01, ["caution"]), (8.01, ["abstain"])]
)
def test_an_expected_regret_of_two_percent_is_the_limit(
    percent: float, severities: list[str]
) -> None:
    answer = recommend(AT_TARGET)
    found = Findings(
        spec=spec(),
        state=StudyState.COMPLETED,
        target=answer.target,
        evidence=answer.evidence,
        prediction=None,
        predicted_regret_percent=percent,
        check=answer.check,
    )

    assert [one.severity for one in reasons_against(found)] == severities


@pytest.mark.parametrize(
    ("width", "severity"), [(32, "abstain"), (64, "caution"), (128, "caution"), (256, "abstain")]
)
def test_an_edge_at_the_proxy_or_the_widest_width_weighs_more_than_between_them(
    width: int, severity: str
) -> None:
    def on_the_edge_there(_: Parametrization, at: int, rate: float) -> float:
        return 1 - 0.02 * math.log2(at) + 0.02 * (rate + (1.0 if at == width else 5.3)) ** 2

    answer = recommend(snapshot(Trials(on_the_edge_there).search([-5.0]).measure(WIDTHS)))

    assert reason(answer, "optimum").severity == severity
    assert f"width {width}: the loss is still falling at the high end" in (
        reason(answer, "optimum").words
    )


def test_an_uncertain_rate_on_a_steep_loss_is_expected_to_cost_too_much() -> None:
    steep = measured(surface(curvature=0.5))

    near, far = recommend(steep, width=128), recommend(steep, width=4096)

    assert near.learning_rate.predicted_regret_percent is not None
    assert near.learning_rate.predicted_regret_percent < 2
    assert "expected to cost" in reason(far, "regret").words


def check_of(slope: float) -> StudySnapshot:
    """A study measured at its target whose coordinate check shows this slope."""
    return snapshot(
        AT_TARGET.trials,
        statistics=tuple(
            at.model_copy(update={"update_rms": (at.update_rms or 0.0) * (at.width / 64) ** slope})
            for at in passing_check()
        ),
    )


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (check_of(0.0), "recommend"),
        (check_of(0.25), "caution"),
        (check_of(1.0), "abstain"),
        (snapshot(AT_TARGET.trials, statistics=()), "caution"),
    ],
)
def test_the_coordinate_check_bears_on_the_verdict(known: StudySnapshot, verdict: str) -> None:
    answer = recommend(known)

    assert answer.verdict == verdict
    assert topics(answer) == ([] if verdict == "recommend" else ["check"])


def test_fewer_than_three_widths_are_a_reason_for_caution() -> None:
    two = recommend(measured(widths=(32, 64)))

    assert reason(two, "widths").severity == "caution"
    assert "widths" not in topics(recommend(measured()))
    assert two.axes[0].basis == "theory"


def large(**training: int) -> Recommendation:
    """A study above the floor at which proxies are safe, with some of its training changed."""
    fields: dict[str, Any] = {
        "family": {"name": "gpt", "depth": 4, "context": 128, "head_size": 32},
        "target": {"width": 1024},
        "proxy_width": 32,
        "training": {"steps": 5000, "batch_size": 32} | training,
    }
    known = measured(widths=(64, 128, 256))
    return recommend(snapshot(known.trials, record=study(spec=spec(**fields))))


def test_small_proxies_are_stated_and_no_reason_for_caution() -> None:
    assert large().reasons == ()
    assert "literature" not in large().axes[0].words
    small = large(steps=100)
    assert small.reasons == ()
    assert small.axes[0].words.endswith("steps 100 < 5,000")
    assert "width 128 < 256" in recommend(measured()).axes[0].words
    assert recommend(measured()).verdict == "recommend"
    assert "literature" not in recommend(AT_TARGET).axes[0].words


def test_runs_of_a_few_steps_are_a_reason_for_caution() -> None:
    assert reason(large(steps=49), "proxy").severity == "caution"
    assert "49 steps" in reason(large(steps=49), "proxy").words
    assert "proxy" not in topics(large(steps=50))


def test_a_target_far_beyond_the_measured_widths_is_warned_of() -> None:
    assert "reach" not in topics(recommend(measured(), width=1024))
    assert reason(recommend(measured(), width=2048), "reach").severity == "caution"
    assert reason(recommend(measured(), width=16384), "reach").severity == "abstain"


def test_neither_wider_models_that_are_no_better_nor_the_widest_left_out_is_a_reason() -> None:
    def worse_when_wider(_: Parametrization, width: int, rate: float) -> float:
        return 1 + 0.02 * math.log2(width) + 0.02 * (rate + 5.3) ** 2

    answer = recommend(measured(worse_when_wider))

    assert answer.evidence.wider_is_better is not None
    assert answer.evidence.wider_is_better.share == 0
    assert answer.evidence.leave_widest_out is not None
    assert answer.reasons == ()


def test_the_weakest_axis_comes_first_and_abstentions_before_cautions() -> None:
    drifting = snapshot(
        measured(surface(drift=0.4)).trials, record=study(spec=spec(training={"steps": 20}))
    )
    answer = recommend(drifting, width=128 * 2**9)

    severities = [one.severity for one in answer.reasons]
    assert severities == sorted(severities)
    assert severities[0] == "abstain"
    assert severities[-1] == "caution"
    for severity in ("abstain", "caution"):
        excess = [one.excess for one in answer.reasons if one.severity == severity]
        assert excess == sorted(excess, reverse=True)


def test_widths_that_begin_to_memorise_are_not_answered_for() -> None:
    """The loss of every wider model is a fraction of the narrower one's."""

    def memorising(_: Parametrization, width: int, rate: float) -> float:
        return 1 - 1.5 * math.log2(width / 32) + 0.05 * (rate + 5.3) ** 2

    known = measured(memorising)
    answer = recommend(known)

    assert reason(answer, "widths").severity == "abstain"
    assert "from width 32 to 64 the loss falls 4.5-fold" in reason(answer, "widths").words
    assert "widths" not in topics(recommend(known, width=128))
