"""The fitted optimum of one width: right, invariant, covered by its interval, and honest."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import make_smoothing_spline

from parametrization.recommendation.evidence import Optimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.optimum import (
    MIN_TRIALS,
    SHAPE_OCTAVES,
    fit_optimum,
)
from tests.parametrization.transfer.gpt_losses import gpt_losses

Point = tuple[float, float | None]
GRID = tuple(range(-8, -1))


def grid_points(
    optimum: float, *, curvature: float = 0.02, noise: float = 0.0, seeds: int = 2, seed: int = 0
) -> list[Point]:
    """A grid of factor 2 on a quadratic log loss."""
    draw = np.random.default_rng(seed)
    return [
        (float(x), math.exp(1 + curvature * (x - optimum) ** 2 + draw.normal(0, noise)))
        for x in GRID
        for _ in range(seeds)
    ]


def rate_of(optimum: Optimum) -> float:
    """The fitted rate, which must be there."""
    assert optimum.status == "measured"
    assert optimum.log2_learning_rate is not None
    return optimum.log2_learning_rate


def interval_of(optimum: Optimum) -> tuple[float, float]:
    """The interval, which must be there."""
    assert optimum.low_log2_learning_rate is not None
    assert optimum.high_log2_learning_rate is not None
    return optimum.low_log2_learning_rate, optimum.high_log2_learning_rate


@given(optimum=st.floats(-6.0, -4.0), curvature=st.floats(0.005, 0.3))
def test_without_noise_the_fit_is_the_optimum(optimum: float, curvature: float) -> None:
    fitted = fit_optimum(grid_points(optimum, curvature=curvature))

    assert rate_of(fitted) == pytest.approx(optimum, abs=1e-6)
    assert fitted.loss == pytest.approx(math.e, rel=1e-6)
    assert fitted.curvature == pytest.approx(math.expm1(curvature), rel=1e-4)
    assert interval_of(fitted) == pytest.approx(
        (optimum - SHAPE_OCTAVES, optimum + SHAPE_OCTAVES), abs=1e-3
    )


noisy = st.builds(
    grid_points,
    optimum=st.floats(-6.0, -4.0),
    curvature=st.floats(0.01, 0.1),
    noise=st.floats(0.0, 0.005),
    seed=st.integers(0, 2**16),
)


@given(points=noisy, shift=st.floats(-8.0, 8.0))
def test_shifting_every_rate_shifts_the_optimum(points: list[Point], shift: float) -> None:
    before = fit_optimum(points)

    after = fit_optimum([(x + shift, y) for x, y in points])

    assert after.status == before.status
    if before.status == "measured":
        assert rate_of(after) == pytest.approx(rate_of(before) + shift, abs=1e-5)
        assert interval_of(after) == pytest.approx(
            [end + shift for end in interval_of(before)], abs=0.01
        )


@given(points=noisy, factor=st.floats(0.01, 100.0))
def test_scaling_the_loss_leaves_the_optimum(points: list[Point], factor: float) -> None:
    before = fit_optimum(points)

    after = fit_optimum([(x, None if y is None else y * factor) for x, y in points])

    assert after.status == before.status
    if before.status == "measured":
        assert rate_of(after) == pytest.approx(rate_of(before), abs=1e-5)
        assert interval_of(after) == pytest.approx(interval_of(before), abs=0.01)
        assert after.curvature == pytest.approx(before.curvature, rel=1e-4)


@given(points=noisy, data=st.data())
def test_the_order_of_the_trials_changes_nothing(points: list[Point], data: st.DataObject) -> None:
    assert fit_optimum(data.draw(st.permutations(points))) == fit_optimum(points)


def _real_surface() -> tuple[Callable[[float], float], float]:
    """Smoothed log loss of the real GPT, and its minimum: steep on one side, flat on the other."""
    losses = gpt_losses(Parametrization.MUP, 32)
    rates = np.array(sorted(losses))
    means = np.array([np.mean(np.log(np.array(losses[rate], dtype=float))) for rate in rates])
    curve = make_smoothing_spline(rates, means, lam=0.1)
    fine = np.linspace(-7, -4, 3001)
    return lambda rate: float(curve(rate)), float(fine[curve(fine).argmin()])


@pytest.mark.parametrize("noise", [0.006, 0.012, 0.025])
@pytest.mark.parametrize("design", ["grid", "random"])
def test_the_interval_covers_the_truth_as_often_as_it_says(noise: float, design: str) -> None:
    """300 studies; real seeds spread by 0.006 to 0.01, single validation losses by more."""
    log_loss, truth = _real_surface()
    draw = np.random.default_rng(7)
    covered, errors = [], []
    for _ in range(300):
        rates = (
            np.repeat(np.arange(-8, -1.9) + draw.uniform(-0.5, 0.5), 2)
            if design == "grid"
            else draw.uniform(-9, -2, 16)
        )
        fitted = fit_optimum(
            (float(x), math.exp(log_loss(x) + draw.normal(0, noise))) for x in rates
        )
        if fitted.status == "measured":
            low, high = interval_of(fitted)
            covered.append(low <= truth <= high)
            errors.append(abs(rate_of(fitted) - truth))

    assert len(covered) > 240
    assert 0.87 <= np.mean(covered) <= 0.96
    assert np.median(errors) < 25 * noise


def test_where_the_grid_happens_to_lie_hardly_moves_the_optimum() -> None:
    log_loss, truth = _real_surface()
    offsets = np.linspace(-0.5, 0.5, 11)

    found = [
        rate_of(fit_optimum((x + by, math.exp(log_loss(x + by))) for x in GRID for _ in "ab"))
        for by in offsets
    ]

    assert np.ptp(found) < 0.05
    assert abs(np.mean(found) - truth) < SHAPE_OCTAVES


def test_two_real_seeds_find_the_optimum_of_eight() -> None:
    losses = gpt_losses(Parametrization.MUP, 32)
    everything = fit_optimum((x, y) for x, ys in losses.items() for y in ys)
    pairs = [(i, j) for i in range(8) for j in range(i)]

    fits = [
        fit_optimum((x, losses[x][s]) for x in losses if x % 1 == 0 for s in pair) for pair in pairs
    ]

    truth = rate_of(everything)
    assert truth == pytest.approx(-5.3, abs=0.1)
    assert max(abs(rate_of(fit) - truth) for fit in fits) < 0.25
    covered = [interval_of(fit)[0] <= truth <= interval_of(fit)[1] for fit in fits]
    assert np.mean(covered) >= 0.8


def test_more_seeds_narrow_the_interval() -> None:
    few, many = (
        [
            np.subtract(*interval_of(fit_optimum(grid_points(-5.3, noise=0.01, seeds=n, seed=s))))
            for s in range(20)
        ]
        for n in (2, 16)
    )

    assert abs(np.median(many)) < 0.6 * abs(np.median(few))


@pytest.mark.parametrize(("optimum", "edge"), [(-9.0, "low"), (-1.0, "high")])
def test_an_optimum_on_the_edge_is_inconclusive(optimum: float, edge: str) -> None:
    fitted = fit_optimum(grid_points(optimum))

    assert fitted.status == "inconclusive"
    assert fitted.edge == edge
    assert fitted.low_log2_learning_rate is None


def test_diverged_rates_bracket_an_optimum_just_below_them() -> None:
    points: list[Point] = [(x, y) for x, y in grid_points(-4.2) if x <= -4]
    points += [(-3.0, None), (-3.0, None)]

    fitted = fit_optimum(points)

    assert rate_of(fitted) == pytest.approx(-4.2, abs=0.05)
    assert interval_of(fitted)[1] < -3


def test_the_optimum_never_lies_among_diverged_rates() -> None:
    falling: list[Point] = [(float(x), math.exp(-0.1 * x)) for x in range(-9, -3) for _ in "ab"]

    fitted = fit_optimum([*falling, (-3.0, None)])

    assert fitted.log2_learning_rate is not None
    assert fitted.log2_learning_rate < -3


def test_a_lucky_seed_at_a_rate_that_diverges_is_not_believed() -> None:
    honest = fit_optimum(grid_points(-5.3))

    lucky = fit_optimum([*grid_points(-5.3), (-1.0, 0.1), (-1.0, None)])

    assert rate_of(lucky) == pytest.approx(rate_of(honest))


def test_a_seed_that_explodes_to_a_finite_loss_says_nothing_about_the_optimum() -> None:
    """Half an octave past the optimum of SGD on a GPT one seed ended at 107, another at 2.6."""
    rates = (-4.0, -3.0, -2.5, -2.0, -1.5, -1.0)
    calm = [
        (rate, 2.7 + 0.06 * (rate + 1.3) ** 2 + seed / 100) for rate in rates for seed in (0, 1)
    ]
    expected = fit_optimum(calm).log2_learning_rate
    found = fit_optimum([*calm, (-0.5, 106.78), (-0.5, 2.61)])
    assert expected is not None
    assert found.log2_learning_rate == pytest.approx(expected, abs=1e-6)
    assert found.rates == len(rates)


def test_a_loss_that_falls_far_on_both_sides_is_not_taken_for_an_explosion() -> None:
    """Digits fall from 2.3 to a hundredth of it: ten times the best loss is no explosion."""
    points = [(rate, 0.02 * 4.0 ** abs(rate + 5)) for rate in (-8.0, -7.0, -6.0, -5.0, -4.0, -3.0)]
    assert fit_optimum(points).rates == len(points)


def test_too_few_trials_are_unknown_and_name_the_best_rate_tried() -> None:
    few = grid_points(-5.3)[4 : 4 + MIN_TRIALS - 1]

    fitted = fit_optimum(few)

    assert fitted.status == "unknown"
    assert fitted.log2_learning_rate == -5.0
    assert fitted.standard_error_octaves is None


def test_two_rates_are_unknown_however_many_their_trials() -> None:
    assert fit_optimum([(-5.0, 1.0), (-4.0, 2.0)] * 20).status == "unknown"


def test_nothing_finite_is_unknown() -> None:
    assert (
        fit_optimum([])
        == fit_optimum([(-5.0, None)])
        == Optimum(status="unknown", log2_learning_rate=None, trials=0, rates=0)
    )


def test_a_constant_loss_has_no_optimum() -> None:
    assert fit_optimum((float(x), 2.0) for x in GRID for _ in "ab").status == "inconclusive"


def test_the_optimum_is_not_looked_for_beyond_the_stability_wall() -> None:
    """Losses of a wide MLP on CIFAR-10 after twenty epochs: seventy times the best one step on."""
    rates = [-8.0 + 0.42 * step for step in range(15)]
    falling = [0.25 * math.exp(-0.52 * step) for step in range(11)]
    beyond = [0.07, 0.22, 0.67, 1.06]

    fitted = fit_optimum(zip(rates, [*falling, *beyond], strict=True))

    assert rates[9] < rate_of(fitted) < rates[11]


@pytest.mark.parametrize("side", [1, -1])
def test_a_steep_rate_next_to_the_best_of_a_short_side_bounds_the_optimum(side: int) -> None:
    excess = {-2: 0.4, -1: 0.1, 0: 0.0, 1: 1.2, 2: 2.5}
    points = [(side * x - 5.0, 0.1 * math.exp(y)) for x, y in excess.items() for _ in "ab"]

    fitted = fit_optimum(points)

    assert fitted.rates == 5
    assert -0.6 < side * (rate_of(fitted) + 5.0) < 0.5


def test_rates_close_to_one_another_are_fitted_by_their_own_neighbourhood() -> None:
    """A kink a octave and a half above the optimum does not reach into a fine grid's fit."""
    points = [
        (x / 2, math.exp(0.05 * (x / 2 + 5.2) ** 2 + 0.3 * max(0.0, x / 2 + 3.2)))
        for x in range(-16, -1)
    ]

    assert rate_of(fit_optimum(points)) == pytest.approx(-5.2, abs=0.02)
