"""The bank's own tables: enough problems, made in pieces, and read by the benchmark of regrets."""

import math
import time
from pathlib import Path

import pytest

from benchmarks.transfer import bank
from benchmarks.transfer.bank import Run, go_on, read_rows, runs_of
from benchmarks.transfer.bank_problems import PROBLEMS, BankProblem
from benchmarks.transfer.simulated.banks import Problem, read_bank


def parabola(problem: BankProblem, run: Run) -> float | None:
    """A known loss, which diverges at the fastest rates."""
    return None if run.log2_rate > -1.5 else math.exp(0.05 * (run.log2_rate + 5) ** 2)


def test_the_bank_has_twelve_good_problems_and_two_planted_ones() -> None:
    planted = [name for name in PROBLEMS if Problem(name, {}).is_planted]

    assert len(PROBLEMS) - len(planted) >= 12
    assert planted == ["mlp-adamw-sp", "mlp-adamw-short"]
    for problem in PROBLEMS.values():
        ratios = [
            wide / narrow for narrow, wide in zip(problem.widths, problem.widths[1:], strict=False)
        ]
        assert ratios == [2.0] * 4


def test_a_table_is_made_in_pieces_and_read_as_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "mlp-adamw.csv.gz"
    everything = list(runs_of(PROBLEMS["mlp-adamw"], seeds=2))

    none_yet = go_on(path, "mlp-adamw", 2, until=time.monotonic() - 1, trainer=parabola)
    assert (none_yet, path.exists()) == (len(everything), False)
    stop_after, trained = 100, iter(range(len(everything)))

    def until_stopped(problem: BankProblem, run: Run) -> float | None:
        if next(trained) >= stop_after:
            raise KeyboardInterrupt
        return parabola(problem, run)

    with pytest.raises(KeyboardInterrupt):
        go_on(path, "mlp-adamw", 2, until=math.inf, trainer=until_stopped)
    assert [at.name for at in tmp_path.iterdir()] == ["mlp-adamw.part"]
    assert list(read_rows(tmp_path / "mlp-adamw.part")) == everything[:stop_after]
    assert go_on(path, "mlp-adamw", 2, until=math.inf, trainer=parabola) == 0
    assert [at.name for at in tmp_path.iterdir()] == ["mlp-adamw.csv.gz"]
    assert set(read_rows(path)) == set(everything)
    assert go_on(path, "mlp-adamw", 2, until=math.inf, trainer=until_stopped) == 0

    (problem,) = read_bank(tmp_path)
    assert (problem.name, problem.studied, problem.target) == ("mlp-adamw", (32, 64, 128), 512)
    assert problem.losses[64][-1.0] == {0: None, 1: None}
    assert problem.losses[64][-5.0] == {0: 1.0, 1: 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROBLEMS))
def test_every_problem_trains(name: str) -> None:
    problem = PROBLEMS[name]
    short = problem._replace(training=problem.training.model_copy(update={"steps": 6}))

    loss = bank.trained(short, Run(problem.widths[0], sum(problem.log2_rates) / 2 - 2, 0))

    assert loss is not None
    assert math.isfinite(loss)
