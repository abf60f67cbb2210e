"""Simulated studies: what a study of a problem would have measured, drawn from its bank."""

from typing import Final, NamedTuple

import numpy as np

from benchmarks.transfer.simulated.banks import Problem, SeedLosses, at_seeds, seeds_of
from parametrization.transfer.grid import EXTENSION_POINTS, MAX_EXTENSIONS, mean_loss, optimum_edge
from parametrization.transfer.regret import Losses
from tuner.evidence.next_trials import Due, Outcome, Promise, losses_of, next_wave
from tuner.spec.phases.declared import Measure

GRID_POINTS: Final = 7
STEP_OCTAVES: Final = 1.0
SEEDS: Final = (2, 3)
SEARCHED_RATES: Final = 8
"""Single trials at the narrowest width that the grid's centre is found with."""


class SimulatedStudy(NamedTuple):
    """Losses at three widths, and the width that is asked about."""

    losses: dict[int, Losses]
    """By width, narrowest first."""
    target: int
    steps: int | None = None
    """Updates of each trial, where the bank says so."""

    @property
    def flops_over_target_run(self) -> float:
        """Of all trials of the grids; FLOPs of a step go by the square of the width."""
        return sum(
            sum(len(seeds) for seeds in losses.values()) * (width / self.target) ** 2
            for width, losses in self.losses.items()
        )


def drawn_study(problem: Problem, draw: np.random.Generator) -> SimulatedStudy:
    """One study by the plan `grid`: a search at the narrowest width, then one grid of factor 2.

    Grids are extended as a study extends them, as far as the bank's rates go.
    """
    centre = _winner(problem, draw)
    seeds = int(draw.choice(SEEDS))
    return SimulatedStudy(
        {width: _measured(problem, width, centre, seeds, draw) for width in problem.studied},
        problem.target,
        problem.steps,
    )


def adaptive_study(problem: Problem, draw: np.random.Generator) -> SimulatedStudy:
    """One study by the default plan, whose waves the service's own decision chooses.

    What the bank does not hold, a rate or one more seed, counts as a trial that was lost.
    """
    centre, widths = _winner(problem, draw), problem.studied
    costs = tuple((width / problem.target) ** 2 for width in widths)
    default = Measure()
    promise = Promise(
        widths,
        costs,
        problem.target,
        default.grid_factor,
        default.interval_octaves,
        default.regret_percent,
        default.grid_share * default.grid_points * default.seeds * sum(costs),
    )
    seeds = {width: list(draw.permutation(seeds_of(problem.losses[width]))) for width in widths}
    outcomes: dict[int, list[Outcome]] = {}
    while due := next_wave(promise, centre, outcomes).trials:
        for one in due:
            tried = outcomes.setdefault(one.width, [])
            tried.append(_outcome(problem.losses[one.width], seeds[one.width], one))
    return SimulatedStudy(
        {width: losses_of(tried) for width, tried in sorted(outcomes.items())},
        problem.target,
        problem.steps,
    )


def _outcome(losses: dict[float, SeedLosses], seeds: list[int], due: Due) -> Outcome:
    if due.log2_rate not in losses or due.seed >= len(seeds):
        return Outcome(due.log2_rate, due.seed, None, has_result=False)
    return Outcome(due.log2_rate, due.seed, losses[due.log2_rate][seeds[due.seed]])


def _winner(problem: Problem, draw: np.random.Generator) -> float:
    losses = problem.losses[problem.studied[0]]
    tried = draw.choice(list(losses), size=min(SEARCHED_RATES, len(losses)), replace=False)
    found = at_seeds(losses, map(float, tried), [int(draw.choice(seeds_of(losses)))])
    return min(found, key=lambda rate: mean_loss(found[rate]))


def _measured(
    problem: Problem, width: int, centre: float, seeds: int, draw: np.random.Generator
) -> Losses:
    losses = problem.losses[width]
    chosen = [int(seed) for seed in draw.choice(seeds_of(losses), size=seeds, replace=False)]
    half = GRID_POINTS // 2
    rates = {centre + step * STEP_OCTAVES for step in range(-half, half + 1)} & losses.keys()
    for _ in range(MAX_EXTENSIONS):
        edge = optimum_edge(at_seeds(losses, rates, chosen))
        end, sign = (max(rates), 1) if edge == "high" else (min(rates), -1)
        beyond = {end + sign * step * STEP_OCTAVES for step in range(1, EXTENSION_POINTS + 1)}
        if edge is None or not beyond & losses.keys():
            break
        rates |= beyond & losses.keys()
    return at_seeds(losses, rates, chosen)
