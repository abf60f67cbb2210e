"""The benchmark of simulated studies: right where the truth is known, honest about bad banks."""

import csv
import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.transfer.regret import measure
from benchmarks.transfer.simulated.banks import read_bank
from benchmarks.transfer.simulated.estimators import Answer
from benchmarks.transfer.simulated.scores import Scored, told_by
from benchmarks.transfer.simulated.truth import target_curve

WIDTHS = (32, 64, 128, 256, 512)
COLUMNS = ("problem", "steps", "width", "log2lr", "seed", "loss", "diverged_at", "val")


def write_problem(
    folder: Path,
    name: str,
    *,
    drift: float = 0.0,
    steps: int | str = "",
    opened: Any = open,  # noqa: ANN401
) -> None:
    """A bank's table of a quadratic log loss around -5, moved by `drift` a doubling."""
    draw = np.random.default_rng(len(name))
    suffix = ".csv" if opened is open else ".csv.gz"
    with opened(folder / f"{name}{suffix}", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for doubling, width in enumerate(WIDTHS):
            for rate in np.arange(-10, 0.1, 0.5):
                for seed in range(4):
                    away = rate + 5 - drift * doubling
                    loss = math.exp(1 + 0.05 * away**2 + draw.normal(0, 0.01))
                    diverges = away > 3.6
                    writer.writerow(
                        (name, steps, width, rate, seed, "" if diverges else f"{loss:.8g}", "", "")
                    )


def test_a_problem_without_drift_is_answered_almost_without_regret(tmp_path: Path) -> None:
    write_problem(tmp_path, "steady")

    figures = measure(read_bank(tmp_path), draws=8, seed=0)

    assert (figures["problems"], figures["draws"]) == (1, 8)
    assert figures["mean_regret_percent"] < 0.2
    assert figures["coverage_90"] == 1.0
    assert figures["flagged_good"] == 0
    assert figures["flagged_bad"] is None
    grid = figures["plan_grid"]["flops"]["study_over_target_run"]
    assert 1.1 < grid < 2
    assert 0.3 < figures["flops"]["study_over_target_run"] < grid / 2
    assert set(figures["baselines"]) == {
        "half_octave_narrowest",
        "half_octave_widest",
        "raw_argmin_widest",
        "fit_without_drift",
        "as_built_2026_11",
        "direct_tpe_equal_flops",
    }
    below_the_median = figures["calibration"]["0.5"]
    assert 0 <= below_the_median <= 1


def test_a_planted_problem_counts_as_bad_and_its_drift_is_flagged(tmp_path: Path) -> None:
    write_problem(tmp_path, "steady")
    write_problem(tmp_path, "moving-sp", drift=-0.6, opened=gzip.open)

    figures = measure(read_bank(tmp_path), draws=6, seed=0)

    assert figures["flagged_bad"] == 1.0
    assert figures["flags_by_problem"]["moving-sp"]["drift"] == 1.0
    assert list(figures["coverage_by_problem"]) == ["steady"]
    told = figures["told_by_reason"]["drift"]
    assert (told["planted"], told["good"]) == (1.0, 0)


def answered(regret_percent: float, *topics: str) -> Scored:
    return Scored(regret_percent, True, 1.0, 1.0, 0.0, Answer(-5.0, -5.5, -4.5, topics=topics))


def test_a_reason_is_held_to_planted_answers_and_to_the_others_of_its_problem() -> None:
    good: dict[str, Sequence[Scored]] = {
        "mlp": [answered(4.0, "drift"), answered(1.0), answered(2.0)],
        "gpt": [answered(0.5), answered(0.5, "drift", "regret"), answered(5.0)],
    }
    planted: dict[str, Sequence[Scored]] = {
        "mlp-sp": [answered(30.0, "drift"), answered(30.0, "regret")]
    }

    told = told_by(good, planted)

    assert set(told) == {"drift", "regret", "any"}
    assert told["drift"] == {
        "planted": 0.5,
        "good": 0.333,
        "good_over_3_percent": 0.5,
        "alone_planted": 0.5,
        "regret_percent": 2.25,
        "regret_of_others_percent": 2.125,
    }
    assert (told["regret"]["alone_planted"], told["any"]["planted"]) == (0.5, 1.0)


def test_runs_of_few_steps_are_flagged_by_their_steps_where_the_table_says_them(
    tmp_path: Path,
) -> None:
    write_problem(tmp_path, "steady", steps=60)
    write_problem(tmp_path, "steady-short", steps=8)

    figures = measure(read_bank(tmp_path), draws=3, seed=0)

    assert (figures["flagged_good"], figures["flagged_bad"]) == (0, 1.0)
    assert figures["flags_by_problem"]["steady-short"] == {"proxy": 1.0}
    assert figures["flagged_bad_by_losses"] == 0


def test_runs_of_a_problem_that_train_for_unlike_steps_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mixed.csv").write_text(
        "problem,steps,width,log2lr,seed,loss\nmixed,8,32,-5,0,1.0\nmixed,9,32,-4,0,1.0\n"
    )
    with pytest.raises(ValueError, match=r"mixed.csv: runs of a problem train for equally many"):
        read_bank(tmp_path)


def test_draws_repeat_with_their_seed(tmp_path: Path) -> None:
    write_problem(tmp_path, "steady", drift=0.1)
    bank = read_bank(tmp_path)

    assert measure(bank, draws=3, seed=5) == measure(bank, draws=3, seed=5)
    assert measure(bank, draws=3, seed=5) != measure(bank, draws=3, seed=6)


def test_the_truth_is_the_curve_that_the_table_was_made_of(tmp_path: Path) -> None:
    write_problem(tmp_path, "moving", drift=0.2)
    (problem,) = read_bank(tmp_path)

    truth = target_curve(problem)

    assert truth.best == pytest.approx(-5 + 0.8, abs=0.1)
    assert truth.regret_percent(truth.best + 1) == pytest.approx(5.1, abs=1)
    assert truth.regret_percent(truth.best) == 0


def test_an_empty_folder_and_too_few_widths_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="name a bank with --bank"):
        read_bank(tmp_path)
    (tmp_path / "narrow.csv").write_text(
        "problem,width,log2lr,seed,loss\nnarrow,32,-5,0,1.0\nnarrow,64,-5,0,1.0\n"
    )
    with pytest.raises(ValueError, match=r"narrow: widths \[32, 64\]; a problem needs 3"):
        measure(read_bank(tmp_path), draws=1, seed=0)
