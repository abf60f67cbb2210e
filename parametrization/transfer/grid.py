"""The learning-rate grid that every width is measured on, and its extension at an edge.

Rates are log2(learning rate). Grid points are whole multiples of log2(factor), so that grids
around different winners, and their extensions, share their points.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from parametrization.recommendation.evidence import Edge

EXTENSION_POINTS = 2
"""Points that one extension adds on its side."""
MAX_EXTENSIONS = 2
"""Extensions after which an optimum on the edge is called inconclusive."""


def log2_grid(winner: float, *, factor: float, points: int) -> tuple[float, ...]:
    """The shared grid around a winner, ascending.

    Args:
        winner: log2(learning rate) of the best trial of the search.
        factor: ratio of neighbouring learning rates, > 1.
        points: number of rates, > 0; if even, one more lies above the centre than below.

    >>> log2_grid(-5.2, factor=2.0, points=5)
    (-7.0, -6.0, -5.0, -4.0, -3.0)

    """
    if factor <= 1 or points < 1:
        raise ValueError(f"a grid needs factor > 1 and points > 0, got {factor=}, {points=}")
    step = math.log2(factor)
    first = round(winner / step) - (points - 1) // 2
    return tuple((first + i) * step for i in range(points))


def extension(
    grid: Iterable[float], side: Edge, *, factor: float, points: int = EXTENSION_POINTS
) -> tuple[float, ...]:
    """The rates that continue a grid on one side, ascending, none of them in it.

    >>> extension((-7.0, -6.0, -5.0), "high", factor=2.0)
    (-4.0, -3.0)

    """
    step = math.log2(factor)
    rates = tuple(grid)
    if side == "low":
        end = round(min(rates) / step)
        return tuple((end - i) * step for i in range(points, 0, -1))
    end = round(max(rates) / step)
    return tuple((end + i) * step for i in range(1, points + 1))


def mean_loss(losses: Sequence[float | None]) -> float:
    """Mean over seeds; infinite if one diverged, for a rate that may diverge is no candidate."""
    if not losses:
        raise ValueError("no losses to average")
    return (
        math.inf if None in losses else math.fsum(x for x in losses if x is not None) / len(losses)
    )


def optimum_edge(losses_by_log2_lr: Mapping[float, Sequence[float | None]]) -> Edge | None:
    """The side on which the best rate may lie outside the grid; None if it is bracketed.

    A rate counts by its mean over seeds, and as infinitely bad if a seed diverged (None): an
    optimum below diverged rates is bracketed, and where every rate diverged it lies lower.
    Rates without losses are passed over; without any losses the result is None.
    """
    means = {rate: mean_loss(losses) for rate, losses in losses_by_log2_lr.items() if losses}
    if not means:
        return None
    best = min(means.values())
    if math.isinf(best):
        return "low"
    winners = {rate for rate, loss in means.items() if loss == best}
    if winners - {min(means), max(means)}:
        return None
    return "low" if min(means) in winners else "high"
