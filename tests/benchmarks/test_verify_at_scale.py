"""The benchmark of early verdicts on a problem that trains in seconds."""

import pytest

from benchmarks.transfer.verify_at_scale import Problem, measure
from tuner.spec.datasets.digits import Digits
from tuner.spec.families.mlp import Mlp
from tuner.spec.study_fields import Training

TINY = Problem(
    Mlp(name="mlp", depth=2),
    Digits(name="digits"),
    "adamw",
    (16, 32),
    64,
    Training(steps=60, batch_size=32),
    range(-9, -3),
)


@pytest.mark.slow
def test_targets_at_wrong_rates_are_told_from_those_at_the_right_one() -> None:
    figures = measure("tiny", TINY, seeds=3)
    assert figures["runs"] == {"right": 3, "wrong": 6}
    assert figures["updates"] == {"proxies": 60, "target": 2400, "judged": 48}
    assert figures["flagged_wrong_percent"] == 100
    assert figures["false_alarm_percent"] == 0
