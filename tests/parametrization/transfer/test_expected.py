"""The interval that is expected before anything is measured."""

import pytest

from parametrization.recommendation.evidence import Z90, Optimum, WidthOptimum
from parametrization.transfer.expected import expected_interval_octaves
from parametrization.transfer.law import SEARCH_OCTAVES
from parametrization.transfer.prediction import predict


def agreed(width: int, seeds: int) -> WidthOptimum:
    """An optimum as sure as usual."""
    half = Z90 * SEARCH_OCTAVES
    return WidthOptimum(
        width=width,
        optimum=Optimum(
            status="measured",
            log2_learning_rate=-5.0,
            low_log2_learning_rate=-5.0 - half,
            high_log2_learning_rate=-5.0 + half,
            loss=1.0,
            standard_error_octaves=SEARCH_OCTAVES,
            curvature=0.02,
            trials=14,
            rates=7,
            seeds=seeds,
        ),
    )


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("width", [32, 48, 64, 128, 1024, 8192])
@pytest.mark.parametrize("widths", [(64,), (64, 128), (64, 128, 256)])
def test_it_is_as_wide_as_that_of_optima_that_agree(
    widths: tuple[int, ...], width: int, seeds: int
) -> None:
    found = predict([agreed(one, seeds) for one in widths], width)
    assert found is not None
    octaves = found.high_log2_learning_rate - found.low_log2_learning_rate
    assert expected_interval_octaves(widths, width, seeds=seeds) == pytest.approx(octaves, rel=1e-3)
