"""What a sweep gives against carrying its rate on: walls, and runs that have hardly learned."""

import math
from collections.abc import Callable, Mapping
from itertools import product

import pytest

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.recommendation.trust import Reason
from parametrization.transfer.optimum import fit_optimum
from parametrization.transfer.reasons import reasons_against_transfer
from parametrization.transfer.slow_side import little_learned
from parametrization.transfer.summary import transfer_to

RATES = [step / 2 for step in range(-18, 0)]
Curve = Callable[[float], float | None]


def basin(rate: float) -> float:
    """Steepest at its far ends."""
    return math.exp(0.08 * (rate + 5) ** 2)


def barely_begun(rate: float) -> float:
    """Slow rates leave the loss at 2.3; the best one takes a third of it, faster ones explode."""
    if rate > -4:
        return 2.3 * math.pow(1.5, rate + 4)
    return 2.3 - 0.8 * math.exp2(rate + 4)


def walled(rate: float) -> float | None:
    """A basin with its bottom just below the rate from which on training diverges."""
    return None if rate > -5 else math.exp(0.08 * (rate + 4.6) ** 2)


def reasons(curve: Curve, width: int = 512) -> Mapping[str, Reason]:
    """By topic, of three widths with equal curves and two seeds a hair apart."""
    optima = [
        WidthOptimum(
            width=at,
            optimum=fit_optimum(
                (rate, None if (loss := curve(rate)) is None else loss * (1 + 0.001 * seed))
                for rate, seed in product(RATES, range(2))
            ),
        )
        for at in (32, 64, 128)
    ]
    found = transfer_to(width, optima, proxy_width=32)
    return {reason.topic: reason for reason in reasons_against_transfer(found)}


def test_a_basin_is_carried_on_without_a_reason_against_it() -> None:
    assert reasons(basin) == {}
    assert reasons(lambda rate: basin(rate) ** 0.2) == {}


def test_runs_that_have_hardly_begun_to_learn_are_a_reason_for_caution() -> None:
    found = reasons(barely_begun)

    assert found["proxy"].severity == "caution"
    assert "34.1 % below" in found["proxy"].words


def test_a_width_that_was_measured_is_answered_however_little_it_learned() -> None:
    assert "proxy" not in reasons(barely_begun, width=128)


def test_an_interval_that_reaches_the_wall_is_a_reason_for_caution() -> None:
    (reason,) = reasons(walled).values()

    assert (reason.topic, reason.severity) == ("optimum", "caution")
    assert "the rate 0.0442, at which training at width 128 grows unstable" in reason.words


def test_widths_that_begin_alike_and_halve_the_loss_have_learned() -> None:
    optimum = fit_optimum((rate, barely_begun(rate) ** 3) for rate in RATES)
    optima = [WidthOptimum(width=width, optimum=optimum) for width in (32, 64)]

    assert optimum.slow_side[0].loss == pytest.approx(2.3**3, rel=0.1)
    assert little_learned(optima) is None


def test_slow_rates_at_which_wider_models_are_better_have_learned() -> None:
    optima = [
        WidthOptimum(
            width=width,
            optimum=fit_optimum((rate, gain * barely_begun(rate)) for rate in RATES),
        )
        for width, gain in ((32, 1.0), (64, 0.85))
    ]

    assert little_learned(optima[:1] * 2) == pytest.approx(math.log(2.275 / 1.5), abs=0.01)
    assert little_learned(optima) is None


@pytest.mark.parametrize(
    "rates",
    [(-4.9, -4.6, -4.3, -4), tuple(-6 + step / 8 for step in range(17))],
    ids=["too near", "a search"],
)
def test_where_the_loss_begins_takes_rates_far_below_the_best(rates: tuple[float, ...]) -> None:
    optimum = fit_optimum((rate, barely_begun(rate)) for rate in (*rates, -3, -2))
    assert (
        little_learned([WidthOptimum(width=width, optimum=optimum) for width in (32, 64)]) is None
    )


@pytest.mark.parametrize(
    ("losses", "topics"),
    [
        ((1.0, 0.37, 0.2), set()),
        ((1.0, 0.8, 0.25), {"widths"}),
        ((1.0, 0.2, 0.17), {"widths"}),
        ((1.0, 0.9, 0.81), set()),
    ],
    ids=["too narrow, levelling off", "begins to memorise", "has memorised", "small gains"],
)
def test_gains_that_level_off_as_usual_are_no_reason_and_those_of_memorising_are(
    losses: tuple[float, ...], topics: set[str]
) -> None:
    known = [
        WidthOptimum(
            width=width,
            optimum=fit_optimum((rate, loss * basin(rate)) for rate in RATES for _ in "ab"),
        )
        for width, loss in zip((32, 64, 128), losses, strict=True)
    ]

    found = transfer_to(512, known, proxy_width=32)

    assert {reason.topic for reason in reasons_against_transfer(found)} == topics
