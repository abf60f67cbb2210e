"""Measure on simulated studies what recommended rates cost and how often intervals hold.

    python -m benchmarks.transfer.regret --json [--bank DIR] [--draws N] [--seed S]

Every table of a bank is one problem: losses over learning rates and seeds at several widths, the
widest of which is the target. Each draw is a study of three widths up to a quarter of the target's,
by the default plan and answered by the service's own functions. `plan_grid` is its answer to whole
grids with 2 or 3 seeds; the estimators that it is held to answer for those. `sp`, `short` and
`hot` in a problem's name mark planted bad ones, whose answers should be flagged: all figures but
`flagged_bad` are of the good ones. `by_losses` flags without looking at how many steps runs
trained for, which not every table says. Figures are means over problems. `by_axis` is of swept axes
on the repository's own `axis_bank`: targets 8 times beyond the sweep in tokens, 4 in batch, depth.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np

from benchmarks.report import RESULTS, command_line, give
from benchmarks.transfer.axes.studies import by_axis
from benchmarks.transfer.simulated.banks import Problem, at_seeds, read_bank, seeds_of
from benchmarks.transfer.simulated.calibration_plot import draw_calibration
from benchmarks.transfer.simulated.estimators import BASELINES, Answer, service
from benchmarks.transfer.simulated.scores import (
    Scored,
    calibration,
    flagged_share,
    flags,
    scored,
    summary,
    told_by,
)
from benchmarks.transfer.simulated.studies import SimulatedStudy, adaptive_study, drawn_study
from benchmarks.transfer.simulated.truth import TargetCurve, target_curve
from parametrization.transfer.grid import mean_loss

BANK: Final = RESULTS / "bank"
DRAWS: Final = 48
"""Studies a problem."""

Plan = Callable[[Problem, np.random.Generator], SimulatedStudy]
Drawn = dict[str, list[SimulatedStudy]]
"""Studies of each problem."""


def measure(problems: Sequence[Problem], draws: int, seed: int) -> dict[str, Any]:
    """The figures of a bank."""
    truth = {problem.name: target_curve(problem) for problem in problems}
    studies, grids = (
        {
            problem.name: _drawn(plan, problem, draws, [seed, number])
            for number, problem in enumerate(problems)
        }
        for plan in (adaptive_study, drawn_study)
    )
    planted = {problem.name for problem in problems if problem.is_planted}
    good, good_grids = (
        {name: of for name, of in drawn.items() if name not in planted}
        for drawn in (studies, grids)
    )
    bad = {name: of for name, of in studies.items() if name in planted}
    if not good:
        raise ValueError(f"all problems are planted bad ones: {', '.join(sorted(planted))}")
    answers, flagged = _answers(good, truth, service), _answers(bad, truth, service)
    predicted = [
        _predicted_over_true(found) for found in answers.values() if _true_regret(found) > 0
    ]
    flops, grid_flops = _flops(good), _flops(good_grids)
    on_grids = _answers(good_grids, truth, service)
    return {
        "problems": len(problems),
        "draws": draws,
        **summary(answers),
        "calibration": calibration(answers, {name: truth[name].best for name in good}),
        "flagged_good": flagged_share(answers),
        "flagged_bad": flagged_share(flagged),
        "flagged_bad_by_losses": flagged_share(_answers(_without_steps(bad), truth, service)),
        "flags_by_problem": flags(answers | flagged),
        "told_by_reason": told_by(answers, flagged),
        "flops": {"study_over_target_run": round(flops, 3)},
        "plan_grid": {
            **summary(on_grids),
            "flagged_good": flagged_share(on_grids),
            "flops": {"study_over_target_run": round(grid_flops, 3)},
        },
        "predicted_over_true_regret": round(fmean(predicted), 3) if predicted else None,
        "baselines": {
            name: summary(_answers(good_grids, truth, baseline))
            for name, baseline in BASELINES.items()
        }
        | {
            "direct_tpe_equal_flops": _direct(
                [problem for problem in problems if problem.name in good], truth, flops, draws, seed
            )
        },
        "by_axis": by_axis(draws, seed),
        "regret_by_problem": {
            name: round(_true_regret(found), 3) for name, found in sorted(answers.items())
        },
    }


def _drawn(plan: Plan, problem: Problem, draws: int, seeds: list[int]) -> list[SimulatedStudy]:
    draw = np.random.default_rng(seeds)
    return [plan(problem, draw) for _ in range(draws)]


def _without_steps(studies: Drawn) -> Drawn:
    """As a table shows them that does not say how long its runs trained."""
    return {name: [at._replace(steps=None) for at in of] for name, of in studies.items()}


def _flops(studies: Drawn) -> float:
    return fmean(fmean(at.flops_over_target_run for at in of) for of in studies.values())


def _answers(
    studies: Drawn, truth: dict[str, TargetCurve], estimator: Callable[[SimulatedStudy], Answer]
) -> dict[str, Sequence[Scored]]:
    return {
        name: [scored(estimator(study), truth[name]) for study in drawn]
        for name, drawn in studies.items()
    }


def _true_regret(found: Sequence[Scored]) -> float:
    return fmean(one.regret_percent for one in found)


def _predicted_over_true(found: Sequence[Scored]) -> float:
    return fmean(one.answer.predicted_regret_percent or 0.0 for one in found) / _true_regret(found)


def _direct(
    problems: Sequence[Problem], truth: dict[str, TargetCurve], flops: float, draws: int, seed: int
) -> dict[str, Any]:
    """The best of as many runs of the target itself as the study's FLOPs pay for.

    TPE draws its first ten trials at random, and no more are paid for here.
    """
    draw = np.random.default_rng([seed, len(problems)])
    runs = max(1, round(flops))
    regrets = [
        [_direct_regret(at, truth[at.name], runs, draw) for _ in range(draws)] for at in problems
    ]
    return {
        "runs": runs,
        "mean_regret_percent": round(fmean(fmean(found) for found in regrets), 3),
        "worst_regret_percent": round(max(max(found) for found in regrets), 3),
    }


def _direct_regret(
    problem: Problem, truth: TargetCurve, runs: int, draw: np.random.Generator
) -> float:
    losses = problem.losses[problem.target]
    tried = [float(rate) for rate in draw.choice(list(losses), size=runs, replace=False)]
    found = at_seeds(losses, tried, [int(draw.choice(seeds_of(losses)))])
    return truth.regret_percent(min(found, key=lambda rate: mean_loss(found[rate])))


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--bank", type=Path, default=BANK, help="a folder of tables")
    parser.add_argument("--draws", type=int, default=DRAWS, help="studies a problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="a PNG file for the calibration")
    given = parser.parse_args()
    try:
        problems = read_bank(given.bank)
        figures = measure(problems, given.draws, given.seed)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    if given.plot is not None:
        draw_calibration({given.bank.name: figures["calibration"]}, given.plot)
    give(figures, given)


if __name__ == "__main__":
    main()
