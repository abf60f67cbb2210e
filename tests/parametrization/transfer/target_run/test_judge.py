"""Runs of known rates, judged by the curves of narrower ones: losses fall with the sum of rates."""

from typing import Final

import numpy as np
import pytest

from parametrization.scaling.schedule import Schedule
from parametrization.transfer.target_run.judge import (
    SPREADS,
    USUAL_SPREAD_OCTAVES,
    judge,
    spread_between_runs,
)
from parametrization.transfer.target_run.proxy_curves import (
    Floats,
    PredictedCurves,
    ProxyRun,
    exposure,
)

STEPS: Final = 200
RATE: Final = -5.0
NOISE: Final = 0.05
DONE: Final = exposure(Schedule(), STEPS, range(STEPS))


def losses(at: Floats, log2_rate: float, seed: int) -> Floats:
    """From 2.3 down to 0.3, at the pace of the rate, with the noise of batches."""
    draw = np.random.default_rng(seed).normal(size=len(at))
    return np.asarray((0.3 + 2.0 * np.exp(-1.5 * 2.0**log2_rate * at)) * np.exp(NOISE * draw))


def proxies(widths: tuple[int, ...] = (32, 64, 128), slower: float = 0.0) -> list[ProxyRun]:
    """Runs of a grid of factor 2; every doubling trains at a rate that is lower in effect."""
    return [
        ProxyRun(width, rate, losses(DONE, rate - slower * place, 10 * place + seed).tolist())
        for place, width in enumerate(widths)
        for rate in (-8.0, -7.0, -6.0, -5.0, -4.0, -3.0)
        for seed in (1, 2)
    ]


CURVES: Final = PredictedCurves(proxies(), DONE)
LONG: Final = 40 * STEPS
EARLY: Final = exposure(Schedule(), LONG, range(LONG // 50))


@pytest.mark.parametrize(
    ("octaves", "verdict"), [(-2.0, "off"), (0.0, "on"), (0.3, "on"), (2.0, "off"), (4.0, "off")]
)
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_a_rate_that_is_wrong_fourfold_is_told_within_two_percent(
    octaves: float, verdict: str, seed: int
) -> None:
    seen = np.log(losses(EARLY, RATE + octaves, seed))
    said = judge(CURVES, EARLY, seen, log2_rate=RATE, spread_octaves=0.25)
    assert said.verdict == verdict
    assert said.low_octaves <= said.median_octaves <= said.high_octaves
    assert said.median_octaves == pytest.approx(octaves, abs=0.6)


def test_a_run_is_not_judged_before_its_loss_has_moved() -> None:
    seen = np.log(losses(EARLY[:3], RATE, 101))
    said = judge(CURVES, EARLY[:3], seen, log2_rate=RATE, spread_octaves=0.25)
    assert said.verdict == "undecided"
    assert said.off == pytest.approx(0.1, abs=0.1)


def test_losses_that_all_lie_a_little_higher_do_not_count_as_another_rate() -> None:
    seen = np.log(losses(EARLY, RATE, 101)) + 0.03
    said = judge(CURVES, EARLY, seen, log2_rate=RATE, spread_octaves=0.25)
    assert said.verdict == "on"


def test_more_losses_make_the_interval_narrower() -> None:
    seen = np.log(losses(EARLY, RATE, 101))
    widths = []
    for n in (40, 80, 160):
        said = judge(CURVES, EARLY[:n], seen[:n], log2_rate=RATE, spread_octaves=0.25)
        widths.append(said.high_octaves - said.low_octaves)
    assert widths == sorted(widths, reverse=True)


def test_runs_of_one_rate_differ_by_what_narrower_widths_miss_the_widest_by() -> None:
    equal = spread_between_runs(proxies(), DONE, 8.0, RATE)
    slower = spread_between_runs(proxies(slower=0.8), DONE, 8.0, RATE)
    assert equal == SPREADS[0]
    assert slower >= 0.7  # the next narrower width is 0.8 octaves faster, the one below 1.6
    assert spread_between_runs(proxies((32,)), DONE, 8.0, RATE) == USUAL_SPREAD_OCTAVES


def test_curves_are_read_between_and_beyond_the_rates_that_were_tried() -> None:
    for rate in (-9.0, -5.5, -2.0):
        expected = np.log(0.3 + 2.0 * np.exp(-1.5 * 2.0**rate * EARLY))
        assert CURVES.log_losses(EARLY, rate) == pytest.approx(expected, abs=0.06)


def test_the_noise_of_a_batch_is_that_of_the_trials() -> None:
    assert CURVES.noise(EARLY, RATE).mean() == pytest.approx(NOISE, rel=0.3)


def test_a_rate_at_which_trials_diverged_has_a_curve_that_does_not_fall() -> None:
    diverged = [ProxyRun(128, -2.0, [2.3, 2.4, 3.0])]
    curves = PredictedCurves([*proxies(), *diverged], DONE)
    assert curves.log_losses(EARLY, -2.0)[-1] == pytest.approx(np.log(3.0), abs=0.01)


def test_without_a_training_curve_nothing_is_predicted() -> None:
    with pytest.raises(ValueError, match="no run has a training curve"):
        PredictedCurves([ProxyRun(32, -5.0, [])], DONE)


@pytest.mark.parametrize(
    "schedule", [Schedule(), Schedule(warmup_fraction=0.0), Schedule("cosine"), Schedule("wsd")]
)
def test_how_far_a_run_has_gone_is_the_sum_of_its_factors(schedule: Schedule) -> None:
    for steps in (50, 5_000):
        sums = np.cumsum([schedule.factor(step, steps) for step in range(steps)])
        updates = [1, steps // 20, steps // 3, steps - 1]
        found = exposure(schedule, steps, updates)
        assert found == pytest.approx([sums[at - 1] for at in updates], rel=0.005)
