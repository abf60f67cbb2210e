"""The bank's own tables: enough problems, made in pieces, and read by the benchmark of regrets."""

import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.transfer import bank
from benchmarks.transfer.bank import Run, cohorts_of, go_on, read_rows
from benchmarks.transfer.bank_problems import PROBLEMS, SEEDS, BankProblem
from benchmarks.transfer.rate_sweeps import trained_loss
from benchmarks.transfer.simulated.banks import Problem, read_bank
from tuner.engine.orders import ModelSpec

Losses = Sequence[float | None]


def parabola(problem: BankProblem, runs: Sequence[Run]) -> Losses:
    """Known losses, which diverge at the fastest rates."""
    return [
        None if run.log2_rate > -2.5 else math.exp(0.05 * (run.log2_rate + 5) ** 2) for run in runs
    ]


def test_the_bank_has_twelve_good_problems_and_planted_ones_of_every_sort() -> None:
    planted = [name for name in PROBLEMS if Problem(name, {}).is_planted]

    assert len(PROBLEMS) - len(planted) >= 12
    assert {name.rpartition("-")[2] for name in planted} == {"sp", "short", "hot"}
    for problem in PROBLEMS.values():
        narrow, middle, wide, target = problem.widths
        assert (middle, wide, target) == (2 * narrow, 4 * narrow, 16 * narrow)


def test_a_table_is_made_in_pieces_and_read_as_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "mlp-adamw.csv.gz"
    cohorts = list(cohorts_of(PROBLEMS["mlp-adamw"]))
    everything = [run for runs in cohorts for run in runs]

    none_yet = go_on(path, "mlp-adamw", until=time.monotonic() - 1, trainer=parabola)
    assert (none_yet, path.exists()) == (len(everything), False)
    stop_after, trained = 10, iter(range(len(cohorts)))

    def until_stopped(problem: BankProblem, runs: Sequence[Run]) -> Losses:
        if next(trained) >= stop_after:
            raise KeyboardInterrupt
        return parabola(problem, runs)

    with pytest.raises(KeyboardInterrupt):
        go_on(path, "mlp-adamw", until=math.inf, trainer=until_stopped)
    assert [at.name for at in tmp_path.iterdir()] == ["mlp-adamw.part"]
    assert set(read_rows(tmp_path / "mlp-adamw.part")) == set(itertools.chain(*cohorts[:10]))
    assert go_on(path, "mlp-adamw", until=math.inf, trainer=parabola) == 0
    assert [at.name for at in tmp_path.iterdir()] == ["mlp-adamw.csv.gz"]
    assert set(read_rows(path)) == set(everything)
    assert go_on(path, "mlp-adamw", until=math.inf, trainer=until_stopped) == 0

    (problem,) = read_bank(tmp_path)
    assert (problem.name, problem.studied, problem.target) == ("mlp-adamw", (16, 32, 64), 256)
    assert problem.steps == PROBLEMS["mlp-adamw"].training.steps
    assert problem.losses[64][-2.0] == dict.fromkeys(range(SEEDS))
    assert problem.losses[64][-5.0] == dict.fromkeys(range(SEEDS), 1.0)


def test_a_cohort_trains_each_rate_as_if_it_were_alone() -> None:
    problem = PROBLEMS["mlp-adamw-short"]
    runs = next(cohorts_of(problem))[::5]
    model = ModelSpec(
        family=problem.family,
        dataset=problem.dataset,
        width=runs[0].width,
        base_width=problem.widths[0],
        parametrization=problem.parametrization,
    )

    alone = [
        trained_loss(problem.optimizer, model, 2.0**run.log2_rate, run.seed, problem.training)
        for run in runs
    ]

    assert list(bank.trained(problem, runs)) == pytest.approx(alone, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROBLEMS))
def test_every_problem_trains(name: str) -> None:
    problem = PROBLEMS[name]
    short = problem._replace(training=problem.training.model_copy(update={"steps": 8}))
    slowest = problem.log2_rates[0]

    losses = bank.trained(short, [Run(problem.widths[0], slowest + at, 0) for at in (0, 1)])

    assert all(loss is not None and math.isfinite(loss) for loss in losses)
