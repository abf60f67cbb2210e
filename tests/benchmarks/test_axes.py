"""What simulated sweeps of depth, batch and tokens come to, on banks whose law is known."""

import csv
import gzip
import math
import random
from pathlib import Path

import pytest

from benchmarks.transfer.axes.problems import PROBLEMS
from benchmarks.transfer.axes.studies import by_axis, read_sweeps

EXPONENTS = {"tokens": -0.2, "batch": 0.4, "depth": -0.1}


def write_bank(folder: Path, *names: str, noise: float = 0.002) -> None:
    """Tables of a quadratic log loss whose optimum, given at the base, follows a power law."""
    for name in names:
        problem, draw = PROBLEMS[name], random.Random(name)
        low, high = problem.log2_rates
        with gzip.open(folder / f"{name}.csv.gz", "wt", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("problem", "value", "log2lr", "seed", "loss"))
            for value in problem.values:
                model, _ = problem.at(value)
                by_rule = 0.5 * math.log2(model.batch_multiplier / model.token_multiplier)
                moved = EXPONENTS[problem.axis] * math.log2(value / problem.values[0]) - by_rule
                best = (low + high) / 2 + moved
                for half in range(2 * (high - low) + 1):
                    rate = low + half / 2
                    for seed in range(3):
                        loss = 3 * math.exp(0.03 * (rate - best) ** 2 + draw.gauss(0, noise))
                        writer.writerow((name, value, rate, seed, loss))


@pytest.mark.parametrize("axis", ["tokens", "batch", "depth"])
def test_a_swept_law_beats_the_rule_it_departs_from_and_is_covered(
    tmp_path: Path, axis: str
) -> None:
    write_bank(tmp_path, f"{axis}-gpt-adamw")
    found = by_axis(12, 0, tmp_path)
    assert [name for name, of in found.items() if of] == [axis]
    figures = found[axis]
    assert figures["mean_regret_percent"] < 1.5
    assert figures["mean_regret_percent"] < figures["by_rule"]["mean_regret_percent"] + 0.3
    assert figures["coverage_90"] >= 0.9


def test_tables_that_are_not_trained_are_left_out(tmp_path: Path) -> None:
    write_bank(tmp_path, "depth-gpt-adamw")
    assert [sweep.problem.name for sweep in read_sweeps(tmp_path)] == ["depth-gpt-adamw"]
    assert by_axis(1, 0, tmp_path)["tokens"] is None


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_moves_its_own_axis_and_no_other(name: str) -> None:
    problem = PROBLEMS[name]
    first, last = problem.at(problem.values[0]), problem.at(problem.values[-1])
    sizes = [(m.family.depth, t.batch_size, t.steps * t.batch_size) for m, t in (first, last)]
    moved = {
        axis
        for axis, one, other in zip(("depth", "batch", "tokens"), *sizes, strict=True)
        if one != other
    }
    assert moved == {problem.axis}
    assert problem.values[-1] == problem.values[2] * (8 if problem.axis == "tokens" else 4)
