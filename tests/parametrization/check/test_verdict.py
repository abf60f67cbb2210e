"""The verdict on made-up statistics whose slopes are known, and its words."""

import math
from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.check.verdict import (
    CheckVerdict,
    TensorStatistic,
    TensorVerdict,
    judge,
)
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import CORE_OPTIMIZERS

WIDTHS = (64, 128, 256, 512)
SEEDS = range(4)


def matrix(name: str, role: Role, out: int = 64, infinite: bool = True) -> TensorShape:
    return TensorShape(name, role, (out, 64), (infinite, True), 1, 0)


def vector(name: str) -> TensorShape:
    return TensorShape(name, Role.VECTOR, (64,), (True,), None, 0)


SHAPE = ModelShape(
    64,
    (
        TensorShape("embed.weight", Role.INPUT, (11, 64), (False, True), 0, 1, is_table=True),
        matrix("blocks.0.attn.out.weight", Role.HIDDEN),
        vector("blocks.0.norm.weight"),
        matrix("blocks.1.attn.out.weight", Role.HIDDEN),
        vector("blocks.1.norm.weight"),
        matrix("readout.weight", Role.OUTPUT, 10, infinite=False),
    ),
)
RIGHT = {Role.INPUT: 0.0, Role.HIDDEN: 0.0, Role.VECTOR: 0.0, Role.OUTPUT: -0.1}
PROPAGATES = {Role.HIDDEN: 0.0, Role.OUTPUT: -0.3}


def statistics(
    updates: Mapping[Role, float] = RIGHT,
    propagations: Mapping[Role, float] = PROPAGATES,
    *,
    shape: ModelShape = SHAPE,
    widths: tuple[int, ...] = WIDTHS,
    seeds: range = SEEDS,
) -> list[TensorStatistic]:
    """Exact power laws of width, each seed with its own constant."""
    return [
        TensorStatistic(
            tensor.name,
            width,
            seed,
            (1 + seed) * 1e-3 * width ** updates[tensor.role],
            (1 + seed) * 1e-3 * width ** propagations[tensor.role]
            if tensor.role in propagations
            else None,
        )
        for tensor, width, seed in product(shape.tensors, widths, seeds)
    ]


def of(verdict: CheckVerdict, name: str) -> TensorVerdict:
    return next(tensor for tensor in verdict.tensors if tensor.tensor == name)


@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_right_slopes_pass(optimizer: str) -> None:
    verdict = judge(statistics(), SHAPE, optimizer)
    assert verdict.passed is True
    assert verdict.summary.startswith("passed")
    assert f"{optimizer}, widths 64 to 512, 4 seeds" in verdict.summary


@given(slope=st.floats(-2, 2), role=st.sampled_from([Role.INPUT, Role.HIDDEN, Role.VECTOR]))
def test_an_update_slope_passes_fails_or_is_inconclusive_between(slope: float, role: Role) -> None:
    verdict = judge(statistics({**RIGHT, role: slope}), SHAPE, "adamw")
    threshold = 0.15 if role is Role.HIDDEN else 0.10
    clear = min(abs(abs(slope) - limit) for limit in (threshold, 0.35)) > 1e-9
    if clear:
        expected = True if abs(slope) < threshold else False if abs(slope) > 0.35 else None
        assert verdict.passed is expected


@given(slope=st.floats(-2, 2))
def test_slopes_are_measured_exactly_and_without_noise_have_no_width(slope: float) -> None:
    measured = of(judge(statistics({**RIGHT, Role.INPUT: slope}), SHAPE, "adam"), "embed.weight")
    assert measured.update_slope == pytest.approx(slope, abs=1e-9)
    assert measured.update_interval == pytest.approx((slope, slope), abs=1e-9)


@pytest.mark.parametrize(
    ("role", "slope", "passed"),
    [
        (Role.HIDDEN, 0.19, True),
        (Role.HIDDEN, 0.30, None),
        (Role.HIDDEN, 0.50, False),
        (Role.HIDDEN, -0.40, None),
        (Role.HIDDEN, -0.55, False),
        (Role.OUTPUT, -0.60, True),
        (Role.OUTPUT, 0.05, True),
        (Role.OUTPUT, 0.20, None),
        (Role.OUTPUT, 0.30, False),
        (Role.OUTPUT, -1.0, False),
    ],
)
def test_a_propagation_slope_is_judged_by_its_roles_band(
    role: Role, slope: float, passed: bool | None
) -> None:
    found = judge(statistics(propagations={**PROPAGATES, role: slope}), SHAPE, "adamw")
    assert found.passed is passed


@pytest.mark.parametrize(
    ("updates", "propagations", "words"),
    [
        (
            {Role.HIDDEN: 0.98},
            {},
            "blocks.*.attn.out.weight: update grows like width^0.98:"
            " looks like a missing 1/fan_in learning rate",
        ),
        (
            {Role.HIDDEN: 0.48},
            {},
            "blocks.*.attn.out.weight: update grows like width^0.48:"
            " looks like a missing 1/sqrt(fan_in) learning rate",
        ),
        (
            {Role.HIDDEN: -1.0},
            {},
            "blocks.*.attn.out.weight: update falls like width^-1.00:"
            " looks like a learning rate divided by fan_in once too often",
        ),
        (
            {Role.OUTPUT: 0.89},
            {},
            "readout.weight: update grows like width^0.89:"
            " looks like a missing 1/fan_in readout multiplier",
        ),
        (
            {Role.VECTOR: 1.0},
            {},
            "blocks.*.norm.weight: update grows like width^1.00:"
            " looks like a learning rate that grows by width; it must not change",
        ),
        (
            {},
            {Role.HIDDEN: 0.5},
            "blocks.*.attn.out.weight: propagation grows like width^0.50:"
            " looks like an initial std too large by sqrt(width)",
        ),
        (
            {},
            {Role.OUTPUT: 0.4},
            "readout.weight: propagation grows like width^0.40:"
            " looks like a readout's initial std that grows with width",
        ),
    ],
)
def test_a_failure_names_tensor_exponent_and_likely_cause(
    updates: dict[Role, float], propagations: dict[Role, float], words: str
) -> None:
    verdict = judge(statistics(RIGHT | updates, PROPAGATES | propagations), SHAPE, "adamw")
    assert verdict.passed is False
    assert words in verdict.summary
    assert verdict.summary.count("looks like") == 1


@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
@pytest.mark.parametrize("slope", [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("role", [Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR])
def test_every_failure_has_a_cause(optimizer: str, slope: float, role: Role) -> None:
    verdict = judge(statistics({**RIGHT, role: slope}), SHAPE, optimizer)
    assert verdict.passed is False
    assert "looks like" in verdict.summary
    assert "{" not in verdict.summary


def test_what_follows_from_another_failure_gets_no_cause_of_its_own() -> None:
    hidden_rate = judge(
        statistics({**RIGHT, Role.HIDDEN: 1.0}, {Role.HIDDEN: 0.4, Role.OUTPUT: 0.7}),
        SHAPE,
        "adamw",
    )
    assert of(hidden_rate, "readout.weight").words == (
        "readout.weight: propagation grows like width^0.70"
    )
    hidden_start = judge(
        statistics({**RIGHT, Role.OUTPUT: 0.9}, {Role.HIDDEN: 0.6, Role.OUTPUT: 0.1}),
        SHAPE,
        "adamw",
    )
    assert (
        of(hidden_start, "readout.weight").words == "readout.weight: update grows like width^0.90"
    )
    gradients = judge(statistics(dict.fromkeys(RIGHT, 1.9)), SHAPE, "sgd")
    assert gradients.summary.count("looks like") == 1
    assert "embed.weight: update grows like width^1.90: looks like gradients" in gradients.summary


def test_doubt_is_said_to_be_doubt() -> None:
    verdict = judge(statistics({**RIGHT, Role.HIDDEN: 0.25}), SHAPE, "adamw")
    assert verdict.passed is None
    assert "blocks.*.attn.out.weight: update grows like width^0.25: between" in verdict.summary


@pytest.mark.parametrize(
    ("optimizer", "seeds", "widths", "out", "role", "threshold"),
    [
        ("adamw", 4, WIDTHS, 64, Role.HIDDEN, 0.15),
        ("adamw", 4, WIDTHS, 64, Role.VECTOR, 0.10),
        ("adamw", 4, WIDTHS, 256, Role.HIDDEN, 0.20),  # feed-forward of 4 x width
        ("adamw", 4, WIDTHS, 256, Role.VECTOR, 0.20),
        ("adamw", 4, WIDTHS, 64, Role.OUTPUT, 0.20),
        ("adamw", 4, WIDTHS[1:], 64, Role.OUTPUT, 0.30),
        ("sgd", 4, WIDTHS, 64, Role.INPUT, 0.30),
        ("sgd", 8, WIDTHS, 64, Role.INPUT, 0.20),
    ],
)
def test_thresholds_depend_on_what_was_measured(
    optimizer: str,
    seeds: int,
    widths: tuple[int, ...],
    out: int,
    role: Role,
    threshold: float,
) -> None:
    others = tuple(tensor for tensor in SHAPE.tensors if tensor.role is not Role.HIDDEN)
    shape = ModelShape(64, (*others, matrix("up.weight", Role.HIDDEN, out)))
    found = statistics(shape=shape, widths=widths, seeds=range(seeds))
    verdict = judge(found, shape, optimizer)
    assert {t.threshold for t in verdict.tensors if t.role is role} == {threshold}


@pytest.mark.parametrize(
    ("widths", "seeds"), [((64, 128), range(4)), (WIDTHS, range(3)), ((), range(0))]
)
def test_too_few_widths_or_seeds_decide_nothing(widths: tuple[int, ...], seeds: range) -> None:
    verdict = judge(statistics(widths=widths, seeds=seeds), SHAPE, "adamw")
    assert (verdict.passed, verdict.tensors) == (None, ())
    assert verdict.summary.startswith("not decided yet")


def test_a_seed_that_is_not_there_at_every_width_is_left_out() -> None:
    complete = statistics(seeds=range(4))
    extra = [
        TensorStatistic(tensor.name, 64, 4, 1e6, 1e6 if tensor.role in PROPAGATES else None)
        for tensor in SHAPE.tensors
    ]
    assert judge(complete + extra, SHAPE, "adamw") == judge(complete, SHAPE, "adamw")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_statistic_that_is_not_finite_fails_by_name(value: float) -> None:
    found = statistics()
    found[-1] = found[-1]._replace(update_rms=value)
    verdict = judge(found, SHAPE, "adamw")
    assert verdict.passed is False
    assert "readout.weight left the finite numbers" in verdict.summary


def test_statistics_of_an_unknown_tensor_are_refused() -> None:
    stray = TensorStatistic("other.weight", 64, 0, 1.0, None)
    with pytest.raises(ValueError, match=r"statistics of other\.weight"):
        judge([*statistics(), stray], SHAPE, "adamw")


def test_a_wide_interval_comes_from_seeds_that_disagree() -> None:
    found = [s._replace(update_rms=1e-3 * s.width ** (0.5 * (-1) ** s.seed)) for s in statistics()]
    measured = of(judge(found, SHAPE, "adamw"), "embed.weight")
    assert measured.update_interval is not None
    assert measured.update_slope == pytest.approx(0, abs=1e-9)
    assert measured.update_interval[0] < -0.2
    assert measured.update_interval[1] > 0.2
