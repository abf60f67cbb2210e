"""Measurements that go where trials tell most, on curves whose optimum is known."""

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.evidence.next_trials import (
    FIRST_RATES,
    Due,
    Outcome,
    Promise,
    Wave,
    first_seeds,
    next_wave,
)

WIDTHS = (64, 128, 256)
COSTS = tuple((width / 256) ** 2 for width in WIDTHS)
GRID = 14 * sum(COSTS)

Curve = Callable[[Due], float | None]


def promise(
    interval: float | None = None,
    regret: float | None = 1.5,
    most: float = GRID,
    target: int = 1024,
) -> Promise:
    return Promise(WIDTHS, COSTS, target, 2.0, interval, regret, most)


def curve(
    optimum: float = -5.2, drift: float = 0.0, curvature: float = 0.05, noise: float = 0.01
) -> Curve:
    def loss(due: Due) -> float | None:
        away = due.log2_rate - optimum - drift * math.log2(due.width / 64)
        if away > 4:
            return None
        draw = random.Random(f"{due.width}/{due.log2_rate}/{due.seed}").gauss(0, noise)
        return math.exp(min(curvature * away**2, 50) + draw)

    return loss


def measured(
    asked: Promise, loss: Curve, winner: float = -5.0, lost: float = 0.0
) -> tuple[dict[int, list[Outcome]], Wave]:
    """All outcomes, and the wave that stops."""
    outcomes: dict[int, list[Outcome]] = {}
    for _ in range(1_000):
        wave = next_wave(asked, winner, outcomes)
        if not wave.trials:
            return outcomes, wave
        assert wave.stopped_by is None
        for due in wave.trials:
            is_lost = random.Random(f"lost {due}").random() < lost
            outcome = Outcome(due.log2_rate, due.seed, None if is_lost else loss(due), not is_lost)
            outcomes.setdefault(due.width, []).append(outcome)
    raise AssertionError("no end after 1,000 waves")


def spent(outcomes: dict[int, list[Outcome]]) -> float:
    return sum(len(outcomes[width]) * cost for width, cost in zip(WIDTHS, COSTS, strict=True))


@settings(max_examples=30)  # each fits some dozens of curves
@given(
    optimum=st.floats(-9, -1),
    drift=st.floats(-1, 1),
    curvature=st.floats(0, 1),
    noise=st.floats(0, 0.2),
    winner=st.floats(-8, -2),
    most=st.floats(0.1, 3 * GRID),
    interval=st.none() | st.floats(0.1, 3),
    regret=st.none() | st.floats(0.01, 10),
    lost=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_every_measurement_ends_within_its_budget_and_asks_for_no_trial_twice(
    optimum: float,
    drift: float,
    curvature: float,
    noise: float,
    winner: float,
    most: float,
    interval: float | None,
    regret: float | None,
    lost: float,
) -> None:
    asked = promise(interval, regret, most)
    outcomes, last = measured(asked, curve(optimum, drift, curvature, noise), winner, lost)
    assert last.stopped_by is not None
    first = sum(FIRST_RATES * first_seeds(cost, COSTS[-1]) * cost for cost in COSTS)
    assert spent(outcomes) <= max(most, first) + 1e-9
    for tried in outcomes.values():
        times = Counter((one.log2_rate, one.seed) for one in tried)
        assert set(times.values()) <= {1}


@settings(max_examples=10)
@given(order=st.permutations(range(10)), optimum=st.floats(-7, -3))
def test_what_comes_next_does_not_depend_on_the_order_in_which_trials_end(
    order: list[int], optimum: float
) -> None:
    loss = curve(optimum)
    outcomes: dict[int, list[Outcome]] = {}
    for due in next_wave(promise(), -5.0, outcomes).trials:
        outcomes.setdefault(due.width, []).append(Outcome(due.log2_rate, due.seed, loss(due)))
    shuffled = {
        width: [tried[at] for at in order if at < len(tried)] for width, tried in outcomes.items()
    }
    shuffled = dict(reversed(shuffled.items()))
    assert next_wave(promise(), -5.0, shuffled) == next_wave(promise(), -5.0, outcomes)


def test_the_narrow_widths_come_first_and_tell_where_the_widest_is_measured() -> None:
    loss = curve(optimum=-8.0, noise=0.0)
    outcomes, _ = measured(promise(), loss, winner=-5.0)
    rates = sorted({one.log2_rate for one in outcomes[256]})
    assert rates[0] < -8.0 < rates[-1]
    first = next_wave(promise(), -5.0, {}).trials
    assert {due.width for due in first} == {64, 128}


def test_seeds_go_to_the_widest_width_and_a_flat_curve_needs_none() -> None:
    sharp, _ = measured(promise(), curve(curvature=0.3, noise=0.1))
    flat, last = measured(promise(), curve(curvature=0.01, noise=0.001))
    assert last.stopped_by == "regret"
    assert len(flat[256]) == FIRST_RATES
    assert len(sharp[256]) > FIRST_RATES
    assert {one.seed for one in sharp[256]} > {0}


@pytest.mark.parametrize(
    ("asked", "loss", "stopped_by"),
    [
        (promise(interval=2.0, regret=None), curve(curvature=0.3), "interval"),
        (promise(regret=5.0), curve(curvature=0.05), "regret"),
        (promise(regret=None, most=1e6), curve(curvature=0.3, noise=0.05), "gain"),
        (promise(regret=None, most=0.8), curve(curvature=0.3, noise=0.2), "budget"),
        (promise(most=1e6), curve(optimum=-40.0, curvature=0.01, noise=0.0), "edge"),
    ],
    ids=["interval", "regret", "gain", "budget", "edge"],
)
def test_it_says_what_stopped_it(asked: Promise, loss: Curve, stopped_by: str) -> None:
    _, last = measured(asked, loss)
    assert last.stopped_by == stopped_by


def test_the_finer_grid_lies_around_the_optimum_where_trials_do_not_diverge() -> None:
    outcomes, _ = measured(promise(regret=None, most=1e6), curve(curvature=0.3, noise=0.05))
    tried = [one for one in outcomes[256] if one.seed > 0]
    assert tried
    assert all(abs(one.log2_rate + 5.2) <= 2.25 for one in tried)
    assert any(one.log2_rate % 1 == 0.5 for one in tried)
