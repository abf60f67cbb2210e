"""The shared learning-rate grid, and the side on which it must grow."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.transfer.grid import extension, log2_grid, optimum_edge

FACTORS = st.floats(1.1, 8.0)
WINNERS = st.floats(-20.0, 5.0)


@given(winner=WINNERS, factor=FACTORS, points=st.integers(5, 33))
def test_a_grid_has_its_points_one_factor_apart_and_the_winner_at_its_centre(
    winner: float, factor: float, points: int
) -> None:
    grid = log2_grid(winner, factor=factor, points=points)

    step = math.log2(factor)
    assert len(grid) == points
    assert all(b - a == pytest.approx(step) for a, b in itertools.pairwise(grid))
    assert abs(grid[(points - 1) // 2] - winner) <= step / 2 + 1e-9


@given(winner=WINNERS, nudge=st.floats(-3.0, 3.0), factor=FACTORS)
def test_grids_around_different_winners_share_their_points_exactly(
    winner: float, nudge: float, factor: float
) -> None:
    one = log2_grid(winner, factor=factor, points=33)
    other = log2_grid(winner + nudge, factor=factor, points=33)

    middle = [rate for rate in one if min(other) <= rate <= max(other)]
    assert set(middle) <= set(other)


@given(winner=WINNERS, factor=FACTORS, side=st.sampled_from(["low", "high"]))
def test_an_extension_continues_the_grid_without_a_gap_or_a_repeat(
    winner: float, factor: float, side: str
) -> None:
    grid = log2_grid(winner, factor=factor, points=7)

    more = extension(grid, "low" if side == "low" else "high", factor=factor)

    assert len(more) == 2
    assert not set(more) & set(grid)
    whole = sorted(set(grid) | set(more))
    assert whole == list(log2_grid(whole[4], factor=factor, points=9))
    assert (whole[0] in more) is (side == "low")


def test_a_grid_needs_a_factor_above_one() -> None:
    with pytest.raises(ValueError, match="factor=1"):
        log2_grid(-5.0, factor=1.0, points=5)


def test_an_optimum_inside_the_grid_is_no_edge() -> None:
    assert optimum_edge({-7: [2.0], -6: [1.0], -5: [2.0]}) is None


def test_an_optimum_on_the_lowest_or_highest_rate_is_an_edge() -> None:
    assert optimum_edge({-7: [1.0], -6: [1.1], -5: [2.0]}) == "low"
    assert optimum_edge({-7: [3.0], -6: [2.0], -5: [1.0]}) == "high"


def test_seeds_are_averaged_before_the_edge_is_judged() -> None:
    assert optimum_edge({-7: [1.0, 3.0], -6: [1.4, 1.5], -5: [2.0, 2.0]}) is None


def test_a_diverged_rate_above_brackets_the_optimum() -> None:
    assert optimum_edge({-7: [2.0, 2.0], -6: [1.0, 1.0], -5: [None, None]}) is None


def test_a_rate_at_which_one_seed_diverged_is_no_optimum() -> None:
    assert optimum_edge({-7: [2.0, 2.0], -6: [1.0, 1.0], -5: [0.5, None]}) is None


def test_where_every_rate_diverged_the_optimum_lies_lower() -> None:
    assert optimum_edge({-7: [None], -6: [None]}) == "low"


def test_rates_without_losses_say_nothing() -> None:
    assert optimum_edge({}) is None
    assert optimum_edge({-8: [], -7: [2.0], -6: [1.0], -5: [2.0], -4: []}) is None
    assert optimum_edge({-8: [], -7: [1.0], -6: [1.1]}) == "low"
