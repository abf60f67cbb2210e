"""The prediction at a width that nobody trained: its centre, its interval, its distribution."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.recommendation.evidence import Prediction, WidthOptimum
from parametrization.transfer.drift import SCATTER_OCTAVES
from parametrization.transfer.law import MOVE_OCTAVES, UNMEASURED_DRIFT_OCTAVES, coordinate
from parametrization.transfer.prediction import predict
from tests.parametrization.transfer.optima import WIDTHS, inconclusive, optima


def predicted(known: Sequence[WidthOptimum], width: int) -> Prediction:
    """The prediction, which must be there."""
    prediction = predict(known, width)
    assert prediction is not None
    return prediction


def half_width(prediction: Prediction) -> float:
    """Half of the interval, in octaves."""
    return (prediction.high_log2_learning_rate - prediction.low_log2_learning_rate) / 2


def test_equal_optima_are_expected_at_every_width() -> None:
    for width in (16, 90, 1024):
        prediction = predicted(optima([-5.0, -5.0, -5.0]), width)

        assert prediction.log2_learning_rate == pytest.approx(-5.0)
        assert prediction.drift_octaves == pytest.approx(0.0)


@given(shift=st.floats(-10, 10), rates=st.lists(st.floats(-8, -3), min_size=3, max_size=3))
def test_shifting_every_optimum_shifts_the_prediction(shift: float, rates: list[float]) -> None:
    before, after = (predicted(optima([rate + by for rate in rates]), 512) for by in (0.0, shift))

    assert after.log2_learning_rate == pytest.approx(before.log2_learning_rate + shift, abs=1e-5)
    assert half_width(after) == pytest.approx(half_width(before), abs=1e-5)


@given(step=st.floats(-1, 1), half=st.floats(0.01, 0.6), doublings=st.integers(1, 6))
def test_a_steady_drift_goes_on_and_for_less_than_the_line_would(
    step: float, half: float, doublings: int
) -> None:
    known = optima([-5 - step, -5.0, -5.0 + step], half=half)

    drift = predicted(known, 128 * 2**doublings).drift_octaves

    assert drift * step >= 0
    assert abs(drift) <= abs(step) * doublings + 1e-9
    assert abs(drift) <= 2.42 * abs(step)  # all that sqrt(width) leaves to come


def test_every_measured_width_tells_the_drift_and_the_narrowest_most() -> None:
    moved = [[-4.6, -5.0, -5.0], [-5.0, -4.6, -5.0], [-5.0, -5.0, -4.6]]

    narrowest, middle, widest = (predicted(optima(rates), 512).drift_octaves for rates in moved)

    assert narrowest < 0 < widest
    assert abs(middle) < widest < abs(narrowest)


def test_noisy_optima_are_followed_less_until_their_errors_say_no_more() -> None:
    sure, vague, wild, lost = (
        predicted(optima([-5.4, -5.2, -5.0], half=half), 512).drift_octaves
        for half in (0.05, 0.4, 1.0, 3.0)
    )

    assert 0 < wild < vague < 0.8 * sure
    assert lost == wild


@given(factor=st.integers(2, 64))
def test_the_same_step_at_larger_widths_is_followed_less_and_the_interval_is_narrower(
    factor: int,
) -> None:
    rates = [-5.0, -5.1, -5.2]

    small = predicted(optima(rates), 512)
    large = predicted(optima(rates, [width * factor for width in WIDTHS]), 512 * factor)

    assert abs(large.drift_octaves) < abs(small.drift_octaves)
    assert half_width(large) < half_width(small)


def test_the_interval_grows_with_every_doubling_beyond_the_measured_widths() -> None:
    halves = [half_width(predicted(optima([-5.0, -5.1, -5.0]), 128 * 2**n)) for n in range(9)]

    assert halves == sorted(halves)
    assert halves[8] > 1.3 * halves[1]


def test_between_two_widths_the_optimum_lies_between_theirs() -> None:
    inside = predicted(optima([-5.0, -5.4, -5.8]), 96)

    assert -5.8 < inside.log2_learning_rate < -5.4
    assert inside.doublings_beyond == inside.drift_octaves == 0


def test_a_measured_width_is_answered_by_its_own_optimum() -> None:
    known = optima([-5.0, -5.0, -5.0, -5.4], (32, 64, 128, 256), half=0.03)

    at_target = predicted(known, 256)

    assert at_target.log2_learning_rate == pytest.approx(-5.4)
    assert half_width(at_target) == pytest.approx(0.03)
    assert at_target.doublings_beyond == 0


def test_a_lopsided_optimum_keeps_its_two_sides() -> None:
    (only,) = optima([-5.0], (64,), half=0.2)
    lopsided = only.optimum.model_copy(update={"high_log2_learning_rate": -4.2})

    prediction = predicted([only.model_copy(update={"optimum": lopsided})], 64)

    assert prediction.low_log2_learning_rate == pytest.approx(-5.2)
    assert prediction.high_log2_learning_rate == pytest.approx(-4.2)
    quantiles = {at.probability: at.log2_learning_rate for at in prediction.quantiles}
    assert quantiles[0.5] - quantiles[0.25] < (quantiles[0.75] - quantiles[0.5]) / 2


@given(
    rates=st.lists(st.floats(-8, -3), min_size=1, max_size=4),
    half=st.floats(0.0, 2.0),
    width=st.integers(8, 65536),
)
def test_quantiles_ascend_and_hold_the_interval(
    rates: list[float], half: float, width: int
) -> None:
    prediction = predicted(optima(rates, (32, 64, 128, 256)[: len(rates)], half), width)

    points = [at.log2_learning_rate for at in prediction.quantiles]
    assert points == sorted(points)
    by_probability = {at.probability: at.log2_learning_rate for at in prediction.quantiles}
    assert by_probability[0.05] == pytest.approx(prediction.low_log2_learning_rate)
    assert by_probability[0.5] == prediction.log2_learning_rate
    assert by_probability[0.95] == pytest.approx(prediction.high_log2_learning_rate)


def test_until_three_widths_are_measured_the_interval_reaches_half_an_octave_further() -> None:
    three = half_width(predicted(optima([-5.0, -5.0, -5.0], (32, 64, 128)), 256))

    two = half_width(predicted(optima([-5.0, -5.0], (64, 128)), 256))

    assert two == pytest.approx(three + UNMEASURED_DRIFT_OCTAVES)
    assert half_width(predicted(optima([-5.0], (32,)), 32)) < 0.3


def test_widths_on_the_edge_of_their_grid_do_not_enter() -> None:
    known = optima([-5.0, -5.1], (32, 64))

    assert predict([*known, inconclusive(128)], 256) == predict(known, 256)
    assert predict([inconclusive(32)], 256) is None


def test_optima_that_jump_between_widths_widen_the_interval() -> None:
    tidy = predicted(optima([-5.0, -5.0, -5.0], half=0.05), 256)
    wild = predicted(optima([-5.0, -3.0, -5.0], half=0.05), 256)

    assert half_width(wild) > 3 * half_width(tidy)


def test_the_prediction_covers_the_targets_optimum_as_often_as_it_says() -> None:
    """500 families of models that follow the law, with errors such as most studies have."""
    draw = np.random.default_rng(3)
    target, covered = 512, []
    for _ in range(500):
        slope = draw.normal(0, MOVE_OCTAVES)
        truth = {
            width: -5 + slope * coordinate(width) + draw.normal(0, SCATTER_OCTAVES)
            for width in (*WIDTHS, target)
        }
        error = draw.uniform(0.05, 0.2)
        seen = [truth[width] + draw.normal(0, error) for width in WIDTHS]
        prediction = predicted(optima(seen, half=1.645 * error), target)
        covered.append(
            prediction.low_log2_learning_rate <= truth[target] <= prediction.high_log2_learning_rate
        )

    assert 0.88 <= np.mean(covered) <= 0.99


def test_following_the_law_misses_the_target_by_less_than_staying_at_the_widest() -> None:
    """500 families whose optima drift as the law expects and are found as studies find them."""
    draw = np.random.default_rng(4)
    followed, stayed = [], []
    for _ in range(500):
        slope, error = draw.normal(0, MOVE_OCTAVES), draw.uniform(0.05, 0.1)
        seen = [-5 + slope * coordinate(width) + draw.normal(0, error) for width in (16, 32, 64)]
        truth = -5 + slope * coordinate(256)
        known = optima(seen, (16, 32, 64), half=1.645 * error)
        followed.append(predicted(known, 256).log2_learning_rate - truth)
        stayed.append(seen[-1] - truth)

    assert np.std(followed) < 0.8 * np.std(stayed)


def test_a_real_mlps_next_width_lies_in_the_interval() -> None:
    """Optima of an MLP at widths 64 to 512, which drift upwards with finite width."""
    prediction = predicted(optima((-7.38, -7.47, -7.10), (64, 128, 256), half=0.2), 512)

    assert prediction.low_log2_learning_rate <= -7.23 <= prediction.high_log2_learning_rate
    assert half_width(prediction) < 0.4
