"""The drift over the measured widths, with its error."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.drift import SCATTER_OCTAVES, drift
from parametrization.transfer.optimum import fit_optimum
from tests.parametrization.transfer.gpt_losses import gpt_losses
from tests.parametrization.transfer.optima import WIDTHS, inconclusive, optima


def test_equal_optima_show_no_drift() -> None:
    found = drift(optima([-5.0, -5.0, -5.0]))

    assert found is not None
    assert found.octaves_per_doubling == pytest.approx(0.0, abs=1e-9)
    assert found.low_octaves_per_doubling < 0 < found.high_octaves_per_doubling
    assert found.fit_error_octaves == pytest.approx(0.0, abs=1e-9)


@given(slope=st.floats(-1.5, 1.5), half=st.floats(0.0, 1.0))
def test_a_drift_is_told_as_the_optima_have_it(slope: float, half: float) -> None:
    found = drift(optima([-5 + slope * doubling for doubling in range(3)], half=half))

    assert found is not None
    assert found.octaves_per_doubling == pytest.approx(slope, abs=1e-6)
    assert found.standard_error_octaves is not None
    assert found.standard_error_octaves >= SCATTER_OCTAVES / math.sqrt(2) - 1e-9


def test_noisier_optima_tell_the_drift_less_surely() -> None:
    precise = drift(optima([-5.0, -4.8, -4.6], half=0.05))
    vague = drift(optima([-5.0, -4.8, -4.6], half=1.0))

    assert precise is not None
    assert vague is not None
    assert precise.standard_error_octaves is not None
    assert vague.standard_error_octaves is not None
    assert vague.standard_error_octaves > 3 * precise.standard_error_octaves


def test_the_fit_error_is_what_the_optima_lie_beside_a_power_law() -> None:
    found = drift(optima([-5.0, -4.7, -5.0]))

    assert found is not None
    assert found.octaves_per_doubling == pytest.approx(0.0, abs=1e-9)
    assert found.fit_error_octaves == pytest.approx(math.sqrt(0.02), abs=1e-6)


def test_widths_on_the_edge_of_their_grid_do_not_enter() -> None:
    known = optima([-5.0, -5.1], (32, 64))

    assert drift([*known, inconclusive(128)]) == drift(known)
    assert drift([inconclusive(32), *optima([-5.0], (64,))]) is None


def test_a_real_gpt_drifts_little_under_mup_and_an_octave_a_doubling_without() -> None:
    slopes = {}
    for parametrization in (Parametrization.MUP, Parametrization.SP):
        found = drift([_gpt(parametrization, width) for width in WIDTHS])
        assert found is not None
        slopes[parametrization] = found.octaves_per_doubling

    assert abs(slopes[Parametrization.MUP]) < 0.25
    assert slopes[Parametrization.SP] == pytest.approx(-1.1, abs=0.25)


def _gpt(parametrization: Parametrization, width: int) -> WidthOptimum:
    losses = gpt_losses(parametrization, width)
    points = ((rate, loss) for rate, seeds in losses.items() for loss in seeds)
    return WidthOptimum(width=width, optimum=fit_optimum(points))
