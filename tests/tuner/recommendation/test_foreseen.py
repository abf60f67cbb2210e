"""A preview gives the reasons of axes not measured for which the answer then abstains."""

from typing import Any

import pytest

from tests.tuner.builders import spec
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import TOKENS, led_by
from tuner.recommendation.foreseen import foreseen

FAR = 1_000 * TOKENS


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion", "muon_spectral"])
@pytest.mark.parametrize(
    "target",
    [
        {"width": 256},
        {"width": 256, "tokens": 20 * TOKENS},
        {"width": 256, "tokens": FAR},
        {"width": 256, "tokens": FAR, "batch_size": 16_000},
        {"width": 256, "depth": 80},
    ],
)
def test_the_axes_that_an_answer_abstains_for_are_told_before(
    optimizer: str, target: dict[str, Any]
) -> None:
    answer = recommend(led_by(optimizer, target=target))
    moved = {axis.name for axis in answer.axes if axis.moves} - {"width"}
    abstains = {one.topic for one in answer.reasons if one.severity == "abstain"} & moved
    told = foreseen(spec(optimizers=[{"name": optimizer}], target=target))
    assert {one.partition(" ")[0] for one in told} == abstains


def test_an_axis_that_will_be_measured_is_not_told_of() -> None:
    target = {"width": 256, "tokens": FAR}
    (told,) = foreseen(spec(target=target))
    assert told.startswith(f"tokens {TOKENS:,} in the proxies, {FAR:,} in the target is farther")
    assert "have measure.axes.tokens measured" in told
    asked = {"axes": {"tokens": [TOKENS, 2 * TOKENS, 4 * TOKENS]}}
    assert foreseen(spec(target=target, measure=asked)) == ()
