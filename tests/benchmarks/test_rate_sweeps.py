"""Sweeps of the transfer benchmarks: their grid follows the optimum, and what is read off it."""

import math

import pytest

from benchmarks.transfer.depth_transfer import WORKLOADS, measure
from benchmarks.transfer.rate_sweeps import (
    MOST_RATES,
    log2_rate,
    optimum,
    refined,
    shift_octaves,
    swept,
    told,
)
from parametrization.rules.depth import DepthRule


def parabola(best: float, rate: float, diverges_at: float = 4.0) -> tuple[float | None, ...]:
    """Two seeds of a known loss."""
    log2 = math.log2(rate)
    if log2 >= diverges_at:
        return (None, 2.0)
    return tuple(2.0 + 0.05 * (log2 - best) ** 2 + 0.001 * seed for seed in range(2))


@pytest.mark.parametrize("best", [-12.3, -6.4, -1.2])
def test_a_grid_grows_until_its_best_rate_is_inside(best: float) -> None:
    losses = swept(range(-8, -3), lambda rate: parabola(best, rate))
    assert min(losses) < best < max(losses)
    assert log2_rate(optimum(losses)) == pytest.approx(best, abs=0.1)
    assert told(optimum(losses)) == f"optimum at a rate of 2^{log2_rate(optimum(losses)):g}"


def test_an_optimum_right_below_divergence_is_seen_between_octaves() -> None:
    def at(rate: float) -> tuple[float | None, ...]:
        return parabola(-0.4, rate, diverges_at=-0.2)

    coarse = swept(range(-5, 1), at)
    assert log2_rate(optimum(coarse)) is None
    assert log2_rate(optimum(refined(coarse, at))) == pytest.approx(-0.4, abs=0.1)


def test_a_grid_does_not_grow_for_ever() -> None:
    losses = swept(range(-8, -3), lambda rate: parabola(-1000.0, rate))
    assert told(optimum(losses)) == "optimum inconclusive"
    assert MOST_RATES <= len(losses) < MOST_RATES + 2
    assert log2_rate(optimum(losses)) is None


def test_the_shift_is_from_the_smallest_measured_size_to_the_largest() -> None:
    sizes = {2: -5.0, 4: -5.5, 8: -6.25}
    optima = {
        size: optimum(swept(range(-9, -2), lambda rate, best=best: parabola(best, rate)))  # type: ignore[misc]  # a default of a lambda
        for size, best in sizes.items()
    }
    assert shift_octaves(optima) == pytest.approx(-1.25, abs=0.1)
    assert shift_octaves({2: optima[2]}) is None


def test_depth_transfer_prints_one_figure_a_depth_for_every_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.transfer.rate_sweeps.MOST_RATES", 2)
    tiny = WORKLOADS["resnet"].quick()._replace(depths=(1, 2), width=8, rates=(-7, -6))
    tiny = tiny._replace(training=tiny.training.model_copy(update={"steps": 8, "batch_size": 4}))
    rules = (DepthRule.NONE, DepthRule.COMPLETEP)
    figures = measure("adamw", rules, tiny, said=lambda _: None)
    assert figures["depths"] == [1, 2]
    for name in ("optimum_log2_lr", "best_loss"):
        assert {rule: len(values) for rule, values in figures[name].items()} == {
            "none": 2,
            "completep": 2,
        }
    none, completep = (figures["best_loss"][rule] for rule in ("none", "completep"))
    assert none[0] == completep[0]
    assert none[1] != completep[1]
