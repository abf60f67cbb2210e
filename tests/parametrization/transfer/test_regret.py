"""What a narrow width's rate costs at a wide one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.recommendation.evidence import Regret, WidthOptimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.optimum import fit_optimum
from parametrization.transfer.regret import (
    Losses,
    leave_widest_out,
    regret_at,
    regrets,
    wider_is_better,
)
from tests.parametrization.transfer.gpt_losses import gpt_losses


def quadratic(optimum: float, rates: range = range(-10, -1), curvature: float = 0.02) -> Losses:
    """Losses of two seeds on a quadratic log loss without noise."""
    return {float(rate): [2.6 * math.exp(curvature * (rate - optimum) ** 2)] * 2 for rate in rates}


def at(width: int, losses: Losses) -> WidthOptimum:
    """A width and its fitted optimum."""
    points = ((rate, loss) for rate, seeds in losses.items() for loss in seeds)
    return WidthOptimum(width=width, optimum=fit_optimum(points))


def regret(rate: float, losses: Losses) -> Regret:
    """Regret at width 256, which must be known."""
    found = regret_at(at(256, losses), losses, log2_learning_rate=rate, from_width=32)
    assert found is not None
    return found


@given(optimum=st.floats(-6.5, -5.0), away=st.floats(-3.5, 3.0))
def test_regret_is_the_relative_loss_excess_near_and_far(optimum: float, away: float) -> None:
    found = regret(optimum + away, quadratic(optimum))

    exact = 100 * math.expm1(0.02 * away**2)
    # A straight line between rates one octave apart lies at most curvature / 4 above.
    assert found.regret_percent == pytest.approx(exact, abs=0.02 + (0.7 if abs(away) >= 1.5 else 0))
    assert not found.at_least


def test_a_rate_beyond_the_grid_costs_at_least_its_end() -> None:
    losses = quadratic(-5.0, range(-8, -1))

    found = regret(-1.0, losses)

    assert found.at_least
    assert found.regret_percent == pytest.approx(100 * math.expm1(0.02 * 9), rel=1e-2)


def test_a_rate_next_to_a_diverged_one_has_no_finite_regret() -> None:
    losses: Losses = {**quadratic(-6.0, range(-10, -3)), -3.0: [None, None], -2.0: [2.0, None]}

    assert regret(-3.0, losses).regret_percent is None
    assert regret(-3.5, losses).regret_percent is None
    assert regret(-2.5, losses).regret_percent is None
    assert regret(0.0, losses).regret_percent is None
    assert regret(-4.2, losses).regret_percent is not None


def test_a_width_without_a_measured_optimum_has_no_regret() -> None:
    on_the_edge = quadratic(-1.0, range(-8, -3))

    assert (
        regret_at(at(256, on_the_edge), on_the_edge, log2_learning_rate=-5.0, from_width=32) is None
    )


def test_every_narrower_width_is_tried_at_the_widest() -> None:
    widest = quadratic(-5.0)
    known = [at(32, quadratic(-7.0)), at(64, quadratic(-6.0)), at(128, widest)]

    found = regrets(known, widest)

    assert [(one.from_width, one.at_width) for one in found] == [(32, 128), (64, 128)]
    assert found[0].regret_percent == pytest.approx(100 * math.expm1(0.08), abs=0.7)
    assert found[1].regret_percent == pytest.approx(100 * math.expm1(0.02), abs=0.02)


def test_leaving_the_widest_out_uses_the_narrower_widths_alone() -> None:
    widest = quadratic(-5.0)
    narrow = [at(32, quadratic(-5.4)), at(64, quadratic(-5.2))]

    found = leave_widest_out([*narrow, at(128, widest)], widest)

    assert found is not None
    assert -5.2 < found.log2_learning_rate < -5.1
    assert found.from_width == 64


def test_a_real_gpts_proxy_rate_transfers_under_mup_and_not_without() -> None:
    costs = {}
    for parametrization in (Parametrization.MUP, Parametrization.SP):
        losses = {width: gpt_losses(parametrization, width) for width in (32, 64, 128)}
        known = [at(width, losses[width]) for width in losses]
        percent = regrets(known, losses[128])[0].regret_percent
        assert percent is not None
        costs[parametrization] = percent

    assert costs[Parametrization.MUP] < 0.5
    assert costs[Parametrization.SP] > 4


def test_a_real_gpt_is_better_wider_under_mup_and_not_without() -> None:
    shares = {}
    for parametrization in (Parametrization.MUP, Parametrization.SP):
        found = wider_is_better(
            {width: gpt_losses(parametrization, width) for width in (32, 64, 128)}
        )
        assert found is not None
        shares[parametrization] = found.share

    assert shares[Parametrization.MUP] >= 0.98
    assert shares[Parametrization.SP] < 0.8


def test_only_rates_of_two_neighbouring_widths_are_compared() -> None:
    found = wider_is_better(
        {32: {-6.0: [3.0], -5.0: [2.0]}, 64: {-5.0: [1.9], -4.0: [1.0]}, 128: {-6.0: [9.0]}}
    )

    assert found is not None
    assert (found.share, found.pairs) == (1.0, 1)


def test_a_diverged_width_loses_and_two_say_nothing() -> None:
    narrow: Losses = {-5.0: [2.0], -4.0: [None], -3.0: [None], -2.0: []}
    wide: Losses = {-5.0: [None], -4.0: [1.9], -3.0: [None], -2.0: [1.0]}

    found = wider_is_better({32: narrow, 64: wide})

    assert found is not None
    assert (found.share, found.pairs) == (0.5, 2)
    assert wider_is_better({32: narrow}) is None
