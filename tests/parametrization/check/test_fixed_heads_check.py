"""What the coordinate check says of maps to a fixed number of key and value heads."""

from itertools import product

import pytest

from parametrization.check.verdict import CheckVerdict, TensorStatistic, judge
from parametrization.shapes.roles import ModelShape, Role, TensorShape

SHAPE = ModelShape(
    64,
    (
        TensorShape("kv.weight", Role.GQA_KV, (8, 64), (False, True), 1, 0),
        TensorShape("out.weight", Role.HIDDEN, (64, 64), (True, True), 1, 0),
    ),
)


def checked(update: float, propagation: float) -> CheckVerdict:
    """Of a key and value map with these slopes, beside a matrix without fault."""
    statistics = [
        TensorStatistic(
            tensor.name, width, seed, 1e-3 * width ** slopes[0], 1e-3 * width ** slopes[1]
        )
        for (tensor, slopes), width, seed in product(
            zip(SHAPE.tensors, ((update, propagation), (0.0, 0.0)), strict=True),
            (64, 128, 256, 512),
            range(4),
        )
    ]
    return judge(statistics, SHAPE, "adamw")


@pytest.mark.parametrize(
    ("propagation", "passed"), [(-2.0, None), (-0.3, True), (0.1, True), (0.3, None), (2.0, None)]
)
def test_they_are_doubted_by_what_they_propagate_and_never_fail_by_it(
    propagation: float, passed: bool | None
) -> None:
    verdict = checked(0.0, propagation)
    assert verdict.passed is passed
    unsettled = "or to a bottleneck declared as one, has no clean initialisation"
    assert (unsettled in verdict.summary) is (passed is None)
    assert "more seeds or widths may tell" not in verdict.summary


def test_a_wrong_rate_of_theirs_still_fails() -> None:
    verdict = checked(0.9, 0.3)
    assert verdict.passed is False
    assert "kv.weight: update grows like width^0.90: looks like a missing" in verdict.summary
