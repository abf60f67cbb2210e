"""Drift over widths and the prediction at a width that nobody trained."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.recommendation.evidence import Z90, Optimum, WidthOptimum
from parametrization.rules.parametrization import Parametrization
from tests.tuner.evidence.gpt_losses import gpt_losses
from tuner.evidence.drift import (
    DRIFT_PRIOR_OCTAVES,
    SCATTER_OCTAVES,
    UNMEASURED_DRIFT_OCTAVES,
    Prediction,
    drift,
    predict,
)
from tuner.evidence.optimum import (
    fit_optimum,
)

WIDTHS = (32, 64, 128)


def optima(
    rates: Sequence[float], widths: Sequence[int] = WIDTHS, half: float = 0.15
) -> list[WidthOptimum]:
    """Measured optima with equal intervals."""
    return [
        WidthOptimum(
            width=width,
            optimum=Optimum(
                status="measured",
                log2_learning_rate=rate,
                low_log2_learning_rate=rate - half,
                high_log2_learning_rate=rate + half,
                loss=2.6,
                curvature=0.02,
                trials=14,
                rates=7,
            ),
        )
        for width, rate in zip(widths, rates, strict=True)
    ]


def predicted(known: Sequence[WidthOptimum], width: int) -> Prediction:
    """The prediction, which must be there."""
    prediction = predict(known, width)
    assert prediction is not None
    return prediction


def half_width(prediction: Prediction) -> float:
    """Half of the interval, in octaves."""
    return (prediction.high_log2_learning_rate - prediction.low_log2_learning_rate) / 2


def inconclusive(width: int) -> WidthOptimum:
    """An optimum on the edge of the grid."""
    found = Optimum(
        status="inconclusive", log2_learning_rate=-2.0, edge="high", loss=1.0, trials=14, rates=7
    )
    return WidthOptimum(width=width, optimum=found)


def test_equal_optima_show_no_drift() -> None:
    found = drift(optima([-5.0, -5.0, -5.0]))

    assert found is not None
    assert found.octaves_per_doubling == pytest.approx(0.0, abs=1e-9)
    assert found.low_octaves_per_doubling < 0 < found.high_octaves_per_doubling
    assert predicted(optima([-5.0, -5.0, -5.0]), 1024).log2_learning_rate == pytest.approx(-5.0)


@given(slope=st.floats(-1.5, 1.5), half=st.floats(0.0, 1.0))
def test_mups_drift_is_shrunk_towards_zero_and_the_controls_is_not(
    slope: float, half: float
) -> None:
    rates = [-5 + slope * doubling for doubling in range(3)]

    shrunk = drift(optima(rates, half=half))
    free = drift(optima(rates, half=half), prior_octaves=None)

    assert shrunk is not None
    assert free is not None
    assert abs(shrunk.octaves_per_doubling) <= abs(slope) + 1e-9
    assert free.octaves_per_doubling == pytest.approx(slope, abs=2e-3)


def test_noisier_optima_are_shrunk_more() -> None:
    precise = drift(optima([-5.0, -4.8, -4.6], half=0.05))
    vague = drift(optima([-5.0, -4.8, -4.6], half=1.0))

    assert precise is not None
    assert vague is not None
    assert vague.octaves_per_doubling < 0.5 * precise.octaves_per_doubling


@given(shift=st.floats(-10, 10), rates=st.lists(st.floats(-8, -3), min_size=3, max_size=3))
def test_shifting_every_optimum_shifts_the_prediction(shift: float, rates: list[float]) -> None:
    before, after = (predicted(optima([rate + by for rate in rates]), 512) for by in (0.0, shift))

    assert after.log2_learning_rate == pytest.approx(before.log2_learning_rate + shift, abs=1e-5)
    assert half_width(after) == pytest.approx(half_width(before), abs=1e-5)


@given(factor=st.integers(2, 16))
def test_only_ratios_of_widths_matter(factor: int) -> None:
    rates = [-5.0, -5.2, -5.1]

    before = predicted(optima(rates), 512)
    after = predicted(optima(rates, [width * factor for width in WIDTHS]), 512 * factor)

    assert after.log2_learning_rate == pytest.approx(before.log2_learning_rate)
    assert half_width(after) == pytest.approx(half_width(before))


def test_the_interval_grows_with_every_doubling_beyond_the_measured_widths() -> None:
    halves = [half_width(predicted(optima([-5.0, -5.1, -5.0]), 128 * 2**n)) for n in range(7)]

    assert halves == sorted(halves)
    assert halves[1] > Z90 * SCATTER_OCTAVES
    assert halves[6] > 2 * halves[1]


def test_a_measured_width_is_answered_by_its_own_optimum() -> None:
    known = optima([-5.0, -5.0, -5.0, -5.4], (32, 64, 128, 256), half=0.03)

    at_target = predicted(known, 256)

    assert at_target.log2_learning_rate == pytest.approx(-5.4, abs=0.05)
    assert half_width(at_target) < 0.1
    assert at_target.doublings_beyond == 0


def test_until_three_widths_are_measured_the_interval_reaches_half_an_octave_further() -> None:
    for known in (optima([-5.0], (32,)), optima([-5.0, -5.0], (32, 64))):
        prediction = predicted(known, 128)

        assert half_width(prediction) > UNMEASURED_DRIFT_OCTAVES + 0.15
    assert half_width(predicted(optima([-5.0], (32,)), 32)) < 0.3


def test_widths_on_the_edge_of_their_grid_do_not_enter() -> None:
    known = optima([-5.0, -5.1], (32, 64))

    assert predict([*known, inconclusive(128)], 256) == predict(known, 256)
    assert predict([inconclusive(32)], 256) is None
    assert drift([inconclusive(32), *optima([-5.0], (64,))]) is None


def test_optima_that_fit_no_line_widen_the_interval() -> None:
    tidy = predicted(optima([-5.0, -5.0, -5.0], half=0.05), 256)
    wild = predicted(optima([-5.0, -3.0, -5.0], half=0.05), 256)

    assert half_width(wild) > 3 * half_width(tidy)


def test_the_prediction_covers_the_targets_optimum_as_often_as_it_says() -> None:
    """500 families of models whose drift and scatter are those measured on real ones."""
    draw = np.random.default_rng(3)
    widths, target = (32, 64, 128), 1024
    covered = []
    for _ in range(500):
        slope = draw.normal(0, DRIFT_PRIOR_OCTAVES)
        truth = {
            width: -5 + slope * math.log2(width / 32) + draw.normal(0, SCATTER_OCTAVES)
            for width in (*widths, target)
        }
        error = draw.uniform(0.02, 0.3)
        seen = [truth[width] + draw.normal(0, error) for width in widths]
        prediction = predicted(optima(seen, widths, half=1.645 * error), target)
        covered.append(
            prediction.low_log2_learning_rate <= truth[target] <= prediction.high_log2_learning_rate
        )

    assert 0.85 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize(
    ("rates", "target"),
    [
        # Optima of an MLP at widths 64 to 1024, in octaves: drift upwards with finite width.
        ((-7.38, -7.47, -7.10), -7.23),
        ((-7.47, -7.10, -7.23), -6.87),
    ],
)
def test_a_real_mlps_next_width_lies_in_the_interval(
    rates: tuple[float, ...], target: float
) -> None:
    prediction = predicted(optima(rates, half=0.2), 256)

    assert prediction.low_log2_learning_rate <= target <= prediction.high_log2_learning_rate
    assert half_width(prediction) < 0.6


def test_a_real_gpt_drifts_little_under_mup_and_an_octave_a_doubling_without() -> None:
    slopes = {}
    for parametrization, prior in (
        (Parametrization.MUP, DRIFT_PRIOR_OCTAVES),
        (Parametrization.SP, None),
    ):
        known = [
            WidthOptimum(
                width=width,
                optimum=fit_optimum(
                    (rate, loss)
                    for rate, losses in gpt_losses(parametrization, width).items()
                    for loss in losses
                ),
            )
            for width in WIDTHS
        ]
        found = drift(known, prior_octaves=prior)
        assert found is not None
        slopes[parametrization] = found.octaves_per_doubling

    assert abs(slopes[Parametrization.MUP]) < 0.25
    assert slopes[Parametrization.SP] == pytest.approx(-1.1, abs=0.25)
