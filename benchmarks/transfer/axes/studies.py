"""Simulated sweeps of one axis, answered by the service's own law, beside the rule's answer."""

import csv
import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.transfer.axes.problems import BANK, PROBLEMS, AxisProblem
from benchmarks.transfer.simulated.banks import Problem, SeedLosses, at_seeds, seeds_of
from benchmarks.transfer.simulated.estimators import Answer
from benchmarks.transfer.simulated.scores import Scored, scored
from benchmarks.transfer.simulated.truth import TargetCurve, target_curve
from parametrization.optimizers.lookup import horizon_row
from parametrization.recommendation.axes import CellOptimum
from parametrization.recommendation.evidence import Z90, Optimum
from parametrization.rules.policies import Policies
from parametrization.scaling.growth import AxisName
from parametrization.transfer.axes.carried import (
    Place,
    axes_evidence,
    carried,
    expected_octaves,
)
from parametrization.transfer.grid import (
    EXTENSION_POINTS,
    MAX_EXTENSIONS,
    extension,
    log2_grid,
    optimum_edge,
)
from parametrization.transfer.law import search_error
from parametrization.transfer.optimum import fit_optimum
from tuner.evidence.planned import AXIS_RATES

SEEDS: Final = 2
FACTOR: Final = 2.0
AXES: Final[tuple[AxisName, ...]] = ("depth", "tokens", "batch")


class Sweep(NamedTuple):
    """A problem of the bank, with its losses by value, rate and seed."""

    of: AxisProblem
    problem: Problem

    def place(self, value: int) -> Place:
        """Depth, batch and tokens at a value of the axis."""
        model, training = self.of.at(value)
        per_example = self.of.family.tokens_per_example
        tokens = training.steps * training.batch_size * per_example
        return Place(model.family.depth, training.batch_size, tokens)

    def rule_octaves(self, value: int) -> float:
        """log2 of what the rules multiply the rate by at a value."""
        model, _ = self.of.at(value)
        mults = model.batch_multiplier, model.token_multiplier
        row = horizon_row(Policies().horizon_rule, self.of.optimizer, *mults)
        return math.log2(row.rate.of(*mults))


def by_axis(draws: int, seed: int, bank: Path = BANK) -> dict[str, Any]:
    """Regret and coverage of swept axes, over the bank's problems of each; None of one without.

    `by_rule` is what the default rule's rate costs there, from the same optimum at the base.
    """
    sweeps = read_sweeps(bank)
    return {
        axis: _figures([sweep for sweep in sweeps if sweep.of.axis == axis], draws, seed)
        for axis in AXES
    }


def read_sweeps(bank: Path) -> tuple[Sweep, ...]:
    """The tables that there are, by name."""
    return tuple(
        Sweep(problem, Problem(name, _losses(path)))
        for name, problem in sorted(PROBLEMS.items())
        if (path := bank / f"{name}.csv.gz").exists()
    )


def _figures(sweeps: Sequence[Sweep], draws: int, seed: int) -> dict[str, Any] | None:
    if not sweeps:
        return None
    found: dict[str, list[tuple[Scored, float]]] = {}
    for number, sweep in enumerate(sweeps):
        truth, draw = target_curve(sweep.problem), np.random.default_rng([seed, number])
        found[sweep.problem.name] = [_answered(sweep, truth, draw) for _ in range(draws)]
    every = [one for pairs in found.values() for one, _ in pairs]
    return {
        "problems": len(sweeps),
        "mean_regret_percent": round(
            fmean(fmean(one.regret_percent for one, _ in of) for of in found.values()), 3
        ),
        "coverage_90": round(
            fmean(fmean(one.covered for one, _ in of) for of in found.values()), 3
        ),
        "median_interval_octaves": round(median(one.interval_octaves for one in every), 3),
        "error_octaves_rms": round(fmean(one.error_octaves**2 for one in every) ** 0.5, 3),
        "by_rule": {
            "mean_regret_percent": round(
                fmean(fmean(rule for _, rule in of) for of in found.values()), 3
            )
        },
        "regret_by_problem": {
            name: round(fmean(one.regret_percent for one, _ in of), 3) for name, of in found.items()
        },
    }


def _answered(sweep: Sweep, truth: TargetCurve, draw: np.random.Generator) -> tuple[Scored, float]:
    """One study's answer, scored; and the regret of the rule's."""
    *values, target = sweep.of.values
    base = sweep.place(values[0])
    own = _optimum(sweep, values[0], _winner(sweep, draw), draw)
    centre = own.log2_learning_rate
    assert centre is not None, "rates without any loss"
    cells = [_cell(sweep, values[0], own)]
    for value in values[1:]:
        there, rule = sweep.place(value), sweep.rule_octaves(value)
        ratios = (there.batch_size / base.batch_size, there.tokens / base.tokens)
        around = centre + expected_octaves(*map(math.log2, ratios)) - rule
        cells.append(_cell(sweep, value, _optimum(sweep, value, around, draw)))
    evidence = axes_evidence(sweep.of.width, base, cells)
    by_rule: dict[AxisName, float] = {"depth": 0.0, "batch": 0.0, "tokens": 0.0}
    by_rule[sweep.of.axis] = sweep.rule_octaves(target)
    moved = carried(evidence, sweep.place(target), by_rule)
    half = Z90 * math.hypot(
        search_error(own.standard_error_octaves or 0.0, SEEDS), moved.error_octaves
    )
    rate = centre + moved.octaves
    return scored(Answer(rate, rate - half, rate + half), truth), truth.regret_percent(centre)


def _cell(sweep: Sweep, value: int, optimum: Optimum) -> CellOptimum:
    depth, batch_size, tokens = sweep.place(value)
    return CellOptimum(
        depth=depth,
        batch_size=batch_size,
        tokens=tokens,
        rule_octaves=sweep.rule_octaves(value),
        optimum=optimum,
    )


def _winner(sweep: Sweep, draw: np.random.Generator) -> float:
    """A search's: the best of eight single trials at the base."""
    losses = sweep.problem.losses[sweep.of.values[0]]
    seed = int(draw.choice(seeds_of(losses)))
    tried = draw.choice(list(losses), size=8, replace=False)
    kept = {float(rate): losses[float(rate)][seed] for rate in tried}
    return min(kept, key=lambda rate: math.inf if kept[rate] is None else (kept[rate] or 0.0))


def _optimum(sweep: Sweep, value: int, around: float, draw: np.random.Generator) -> Optimum:
    """As a study fits it to a cell, on the half octaves that the bank has."""
    losses = sweep.problem.losses[value]
    seeds = [int(seed) for seed in draw.choice(seeds_of(losses), size=SEEDS, replace=False)]
    rates = set(log2_grid(around, factor=FACTOR, points=AXIS_RATES)) & losses.keys()
    rates = rates or {min(losses, key=lambda rate: abs(rate - around))}
    for _ in range(MAX_EXTENSIONS):
        side = optimum_edge(at_seeds(losses, rates, seeds))
        if side is None:
            break
        rates |= set(extension(rates, side, factor=FACTOR, points=EXTENSION_POINTS)) & losses.keys()
    tried = at_seeds(losses, rates, seeds)
    return fit_optimum((rate, loss) for rate, of in tried.items() for loss in of).model_copy(
        update={"seeds": SEEDS}
    )


def _losses(path: Path) -> dict[int, dict[float, SeedLosses]]:
    found: dict[int, dict[float, SeedLosses]] = {}
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            loss = None if row["loss"] == "" else float(row["loss"])
            of_value = found.setdefault(int(row["value"]), {})
            of_value.setdefault(float(row["log2lr"]), {})[int(row["seed"])] = loss
    return found
