"""The verdict on tensors that rest, on frozen ones, and on what lies between the tensors."""

import itertools
from dataclasses import replace
from itertools import product

import pytest

from parametrization.check.slopes import TensorStatistic
from parametrization.check.verdict import judge
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.check.test_verdict import (
    RIGHT,
    SEEDS,
    SHAPE,
    WIDTHS,
    of,
    statistics,
)


@pytest.mark.parametrize(
    ("update_rms", "words"),
    [(0.0, "never moved, at any width"), (None, "no probe batch uses it, at any width")],
)
def test_a_tensor_that_never_moves_leaves_the_check_inconclusive_by_name(
    update_rms: float | None, words: str
) -> None:
    resting = [s._replace(update_rms=update_rms) if "norm" in s.tensor else s for s in statistics()]
    verdict = judge(resting, SHAPE, "adamw")
    assert verdict.passed is None
    assert of(verdict, "blocks.*.norm.weight").words == f"blocks.*.norm.weight: {words}"
    assert f"blocks.*.norm.weight: {words}" in verdict.summary
    assert "more seeds or widths" not in verdict.summary


def test_a_block_that_never_moves_is_named_beside_others_that_do() -> None:
    resting = [
        s._replace(update_rms=0.0) if s.tensor == "blocks.1.norm.weight" else s
        for s in statistics()
    ]
    verdict = judge(resting, SHAPE, "adamw")
    assert verdict.passed is None
    assert "blocks.*.norm.weight: blocks.1.norm.weight: never moved" in verdict.summary


def test_what_never_moves_does_not_hide_a_failure() -> None:
    resting = [
        s._replace(update_rms=0.0) if "norm" in s.tensor else s
        for s in statistics({**RIGHT, Role.HIDDEN: 1.0})
    ]
    assert judge(resting, SHAPE, "adamw").passed is False


def test_if_no_tensor_moves_the_check_fails() -> None:
    all_resting = [s._replace(update_rms=0.0) for s in statistics()]
    assert judge(all_resting, SHAPE, "adamw").passed is False


def test_a_tensor_without_statistics_is_frozen_and_listed() -> None:
    verdict = judge([s for s in statistics() if "embed" not in s.tensor], SHAPE, "adamw")
    assert verdict.passed is True
    assert verdict.summary.endswith("; frozen, not checked: embed.weight")
    assert "all 3 tensors fit" in verdict.summary
    assert of(verdict, "embed.weight").words == "embed.weight: frozen, not checked"


ATTENTION, ENTRY = "blocks.{}.attn (attention logits)", "blocks.0 (input)"


def sized(name: str, slope: float, change: float | None = None) -> list[TensorStatistic]:
    """An activation of this size at step 0, and the change that four updates make of it."""
    return [
        TensorStatistic(
            name,
            width,
            seed,
            None if change is None else 1e-3 * width**change,
            None,
            (1 + seed) * 1e-2 * width**slope,
        )
        for width, seed in product(WIDTHS, SEEDS)
    ]


@pytest.mark.parametrize(
    ("slope", "passed", "words"),
    [
        (0.0, True, "size at step 0 slope +0.00, as it should be"),
        (0.5, False, "looks like attention scaled by 1/sqrt(head size) while the head size grows"),
        (-0.5, False, "looks like attention logits divided by the head size once too often"),
    ],
)
def test_attention_logits_of_all_blocks_are_judged_by_what_they_can_reach(
    slope: float, passed: bool, words: str
) -> None:
    logits = [s for block in range(2) for s in sized(ATTENTION.format(block), slope)]
    verdict = judge([*statistics(), *logits], SHAPE, "adamw")
    assert verdict.passed is passed
    assert words in of(verdict, "blocks.*.attn (attention logits)").words


@pytest.mark.parametrize(
    ("name", "slope", "change", "passed", "words"),
    [
        ("model output", -0.5, 0.0, True, "as it should be"),
        ("model output", 0.5, 0.5, False, "a product of wide activations without a factor"),
        ("model output", -0.5, 0.6, False, "a product of wide activations without a factor"),
        ("logits of the loss", -0.5, 0.6, False, "a product of wide activations without"),
        ("model output", -1.1, 0.0, False, "starts as a product of several maps to a fixed size"),
        (ENTRY, 0.0, None, True, "as it should be"),
        (ENTRY, 0.5, None, False, "a multiplier that grows with width between the embedding"),
        (ENTRY, -0.5, None, False, "a multiplier that falls with width between the embedding"),
        ("blocks.1 (output)", 0.5, 0.0, False, "a factor in a block's forward that grows"),
    ],
)
def test_what_lies_between_the_tensors_is_judged_by_what_blocks_and_model_give(
    name: str, slope: float, change: float | None, passed: bool, words: str
) -> None:
    verdict = judge([*statistics(), *sized(name, slope, change)], SHAPE, "adamw")
    assert verdict.passed is passed
    assert words in of(verdict, name).words


def test_what_blocks_give_follows_from_a_wrong_tensor() -> None:
    found = statistics({**RIGHT, Role.HIDDEN: 1.0})
    verdict = judge([*found, *sized("model output", -0.5, 0.8)], SHAPE, "adamw")
    assert of(verdict, "model output").words == "model output: change grows like width^0.80"


def test_saturated_logits_are_named_where_something_fails_and_no_size_is_wrong() -> None:
    logits = [s._replace(initial_rms=8.0) for s in sized("logits of the loss", 0.0)]
    wrong = statistics({**RIGHT, Role.INPUT: -0.6})
    verdict = judge([*wrong, *logits], SHAPE, "adamw")
    assert "embed.weight: update falls like width^-0.60: looks like saturated logits" in (
        verdict.summary
    )
    assert verdict.summary.count("looks like") == 1
    assert judge([*statistics(), *logits], SHAPE, "adamw").passed is True


def test_a_bottleneck_whose_small_start_makes_what_follows_vanish_is_named() -> None:
    narrow = TensorShape("down.weight", Role.FIXED_BOTTLENECK, (8, 32), (False, True), 1, 0)
    shape = ModelShape(SHAPE.base_width, (*SHAPE.tensors, narrow))
    right = [
        s._replace(tensor=narrow.name) for s in statistics() if s.tensor.startswith("blocks.0.attn")
    ]
    falls = {**RIGHT, Role.VECTOR: -0.5}
    verdict = judge([*statistics(falls), *right], shape, "adamw")
    assert "an input that vanishes as down.weight starts at 1/fan_in" in verdict.summary
    grows = judge([*statistics({**RIGHT, Role.VECTOR: 0.5}), *right], shape, "adamw")
    everything = {**RIGHT, Role.HIDDEN: -1.0, Role.VECTOR: -0.5}
    for verdict in (grows, judge([*statistics(everything), *right], shape, "adamw")):
        assert verdict.passed is False
        assert "vanishes" not in verdict.summary


@pytest.mark.parametrize(
    ("leads", "slope", "passed", "named"),
    [
        (True, -0.6, False, True),
        (True, -1.0, False, False),
        (True, -0.25, None, False),
        (False, -0.6, False, False),
    ],
)
def test_a_bottleneck_is_named_if_all_matrices_come_behind_it_and_fall_as_it_does(
    leads: bool, slope: float, passed: bool | None, named: bool
) -> None:
    """A rate that is wrong makes them fall by a whole power, and also ahead of the bottleneck."""
    narrow = TensorShape("down.weight", Role.FIXED_BOTTLENECK, (8, 32), (False, True), 1, 0)
    tensors = (narrow, *SHAPE.tensors) if leads else (*SHAPE.tensors, narrow)
    right = [
        s._replace(tensor=narrow.name) for s in statistics() if s.tensor.startswith("blocks.0.attn")
    ]
    verdict = judge(
        [*statistics({**RIGHT, Role.HIDDEN: slope}), *right],
        ModelShape(SHAPE.base_width, tensors),
        "adamw",
    )
    assert verdict.passed is passed
    assert ("vanishes as down.weight starts at 1/fan_in" in verdict.summary) is named


def test_an_output_that_no_tensor_is_declared_as_is_named_before_what_it_saturates() -> None:
    roles = {t.name: replace(t, role=Role.HIDDEN) for t in SHAPE.tensors if t.role is Role.OUTPUT}
    shape = ModelShape(SHAPE.base_width, tuple(roles.get(t.name, t) for t in SHAPE.tensors))
    logits = [s._replace(initial_rms=8.0) for s in sized("logits of the loss", 0.0, 0.9)]
    verdict = judge([*statistics({**RIGHT, Role.INPUT: 0.9}), *logits], shape, "adamw")
    assert "gives the output in no tensor declared Role.OUTPUT" in verdict.summary
    assert "saturated" not in verdict.summary


@pytest.mark.parametrize(("role", "passed"), [(Role.VECTOR, True), (Role.INPUT, False)])
def test_blocks_on_a_diagonal_that_are_kept_leave_ever_more_of_the_matrix_zero(
    role: Role, passed: bool
) -> None:
    kept = TensorShape("mix", role, (32, 32), (True, True), 1, 0, kept=True)
    found = [
        s._replace(tensor=kept.name, initial_rms=s.width**-0.5)
        for s in statistics()
        if s.tensor == "embed.weight"
    ]
    shape = ModelShape(SHAPE.base_width, (*SHAPE.tensors, kept))
    assert judge([*statistics(), *found], shape, "adamw").passed is passed


def test_a_table_that_is_read_as_logits_without_a_multiplier_is_named() -> None:
    table = [s._replace(tensor="embed.weight (as readout)") for s in statistics()[:16]]
    grows = [s._replace(update_rms=1e-3 * s.width**0.9) for s in table]
    verdict = judge([*statistics(), *grows], SHAPE, "adamw")
    words = of(verdict, "embed.weight (as readout)").words
    assert "looks like a table that is read as logits and has no readout multiplier" in words
    tensors = tuple(replace(tensor, is_table=False) for tensor in SHAPE.tensors)
    of_layer = judge([*statistics(), *grows], ModelShape(SHAPE.base_width, tensors), "adamw")
    words = of(of_layer, "embed.weight (as readout)").words
    assert "looks like a weight that is read a second time" in words


@pytest.mark.parametrize("name", ["model output", "logits of the loss"])
def test_a_factor_behind_a_readout_that_moves_as_it_should_is_named(name: str) -> None:
    found = statistics({**RIGHT, Role.HIDDEN: -0.5})  # whose gradients sink towards epsilon
    verdict = judge([*found, *sized(name, -0.5, -1.0)], SHAPE, "adamw")
    assert "looks like a factor after the readout that falls with width" in of(verdict, name).words
    assert verdict.summary.count("looks like") == 1
    moves_less = judge(
        [*statistics({**RIGHT, Role.OUTPUT: -1.0}), *sized(name, -0.5, -1.0)], SHAPE, "adamw"
    )
    assert "after the readout" not in moves_less.summary


@pytest.mark.parametrize(
    ("steps", "passed"),
    [
        ((-0.4, -0.2, -0.1), True),  # fades like a power of 1/width
        ((-0.23, -0.23, -0.23), None),  # a power of width, if a small one
        ((-0.1, -0.2, -0.4), None),
        ((-0.9, -0.5, -0.1), False),
    ],
)
def test_a_slope_in_doubt_passes_where_it_fades_with_width(
    steps: tuple[float, float, float], passed: bool | None
) -> None:
    """Effects by their slopes from each width to the next."""
    sizes = dict(zip(WIDTHS, itertools.accumulate((0.0, *steps)), strict=True))
    found = [
        s._replace(update_rms=1e-3 * 2 ** sizes[s.width]) if s.tensor == "embed.weight" else s
        for s in statistics({**RIGHT, Role.HIDDEN: 0.0})
    ]
    verdict = judge(found, SHAPE, "adamw")
    assert verdict.passed is passed, verdict.summary
    if passed:
        assert "at the widest), as it should be" in of(verdict, "embed.weight").words
