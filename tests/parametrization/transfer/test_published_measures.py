"""Robustness to a wrong rate and the penalty at width, on optima whose answer is known."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.optimum import fit_optimum
from parametrization.transfer.published_measures import asymptotic_penalty, robustness
from tests.parametrization.transfer.gpt_losses import gpt_losses
from tests.parametrization.transfer.optima import WIDTHS, inconclusive, optima


def with_numbers(
    widths: Sequence[int],
    *,
    curvatures: Sequence[float] | None = None,
    losses: Sequence[float] = (),
) -> list[WidthOptimum]:
    """Measured optima with these curvatures and losses."""
    plain = optima([-5.0] * len(widths), widths)
    changes = [
        ({} if curvatures is None else {"curvature": curvatures[i]})
        | ({"loss": losses[i]} if losses else {})
        for i in range(len(widths))
    ]
    return [
        at.model_copy(update={"optimum": at.optimum.model_copy(update=change)})
        for at, change in zip(plain, changes, strict=True)
    ]


@given(exponent=st.floats(-1.5, 1.5))
def test_the_robustness_exponent_is_that_of_the_curvature_of_log_loss(exponent: float) -> None:
    curvatures = [math.expm1(0.02 * (width / 32) ** exponent) for width in WIDTHS]
    found = robustness(with_numbers(WIDTHS, curvatures=curvatures))
    assert found is not None
    assert found.exponent == pytest.approx(exponent, abs=1e-9)
    assert found.standard_error == pytest.approx(0, abs=1e-7)
    assert found.widths == 3


def test_two_widths_have_an_exponent_without_an_error_and_one_has_none() -> None:
    two = robustness(with_numbers((32, 64), curvatures=[0.02, 0.01]))
    assert two is not None
    assert two.exponent == pytest.approx(math.log2(math.log1p(0.01) / math.log1p(0.02)))
    assert two.standard_error is None
    assert robustness(with_numbers((32,), curvatures=[0.02])) is None
    assert robustness([*with_numbers((32,), curvatures=[0.02]), inconclusive(64)]) is None


@given(limit=st.floats(-0.3, 3.0), fading=st.floats(-0.2, 0.2))
def test_the_penalty_is_carried_to_infinite_width_by_a_line_in_its_inverse(
    limit: float, fading: float
) -> None:
    mup = with_numbers(WIDTHS, losses=[2.0, 1.8, 1.7])
    ratios = [1 + limit + fading * 32 / width for width in WIDTHS]
    control = with_numbers(
        WIDTHS, losses=[r * loss for r, loss in zip(ratios, (2.0, 1.8, 1.7), strict=True)]
    )
    found = asymptotic_penalty(control, mup)
    assert found is not None
    assert found.percent == pytest.approx(100 * limit, abs=1e-9)
    assert found.percent_at_width == pytest.approx(100 * (limit + fading / 4), abs=1e-9)
    assert (found.at_width, found.widths) == (128, 3)


def test_the_penalty_waits_for_three_widths_that_both_measured() -> None:
    three, two = with_numbers(WIDTHS, losses=[2, 2, 2]), with_numbers((32, 64), losses=[2, 2])
    assert asymptotic_penalty(three, two) is None
    assert asymptotic_penalty([*two, inconclusive(128)], three) is None


def test_a_real_gpt_under_sp_is_no_better_in_the_limit_than_under_mup() -> None:
    by_rules = {
        rules: [
            WidthOptimum(
                width=width,
                optimum=fit_optimum(
                    (rate, loss)
                    for rate, seeds in gpt_losses(rules, width).items()
                    for loss in seeds
                ),
            )
            for width in WIDTHS
        ]
        for rules in (Parametrization.MUP, Parametrization.SP)
    }
    found = asymptotic_penalty(by_rules[Parametrization.SP], by_rules[Parametrization.MUP])
    assert found is not None
    assert found.percent > 0
