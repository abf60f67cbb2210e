"""Measure how often a target run at a wrong learning rate is flagged early, and a right one is.

    python -m benchmarks.transfer.verify_at_scale --json

Proxies of three widths are swept with the workers' own trainer; the rate of the target, four times
wider than the widest and trained for 40 times as long, is predicted from their optima as a study
does. Targets then train the first 2 % of their updates at that rate, at a quarter and at four times
of it, each with seeds and batches of its own, and are judged at 0.25, 0.5, 1 and 2 %. A run counts
as flagged if any of these looks says `off`.
"""

import math
from collections.abc import Iterator
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.rate_sweeps import optimum
from parametrization.recommendation.evidence import WidthOptimum
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from parametrization.transfer.prediction import predict
from parametrization.transfer.target_run.judge import judge, spread_between_runs
from parametrization.transfer.target_run.proxy_curves import (
    PredictedCurves,
    ProxyRun,
    exposure,
)
from tuner.engine.orders import ModelSpec, TrialSpec
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.study_fields import Training
from workers.training.trainer import mean_loss_of_second_half, train_to
from workers.training.trial import new_trial

LOOKS_PERCENT: Final = (0.25, 0.5, 1.0, 2.0)
"""Of the target's updates."""
LONGER: Final = 40
"""The target's updates over the proxies'."""
PROXY_SEEDS: Final = 2
WRONG_OCTAVES: Final = (-2, 2)
_FIRST_TARGET_SEED: Final = 1_000
GOALS: Final = {"flagged_wrong_percent": 95.0, "false_alarm_percent": 5.0}


class Problem(NamedTuple):
    """Proxies and the target whose run is judged."""

    family: ModelFamily
    dataset: Dataset
    optimizer: str
    widths: tuple[int, ...]
    target_width: int
    training: Training
    log2_rates: range


PROBLEMS: Final = {
    "mlp-adamw": Problem(
        Mlp(name="mlp", depth=3),
        Digits(name="digits"),
        "adamw",
        (32, 64, 128),
        512,
        Training(steps=120, batch_size=32),
        range(-10, -3),
    ),
    "mlp-sgd": Problem(
        Mlp(name="mlp", depth=3),
        Digits(name="digits"),
        "sgd",
        (32, 64, 128),
        512,
        Training(steps=120, batch_size=32),
        range(-8, 0),
    ),
    "gpt-adamw": Problem(
        Gpt(name="gpt", depth=2, head_size=16, context=32),
        StdlibText(name="stdlib-text"),
        "adamw",
        (32, 64),
        256,
        Training(steps=100, batch_size=16),
        range(-9, -3),
    ),
}
QUICK: Final = ("mlp-adamw",)


def measure(name: str, problem: Problem, seeds: int) -> dict[str, Any]:
    """The figures of one problem.

    Args:
        seeds: target runs of each rate.

    """
    training = problem.training
    runs = list(_proxies(problem))
    rate = _transferred(problem, runs)
    done = exposure(training.schedule, training.steps, range(training.steps))
    curves = PredictedCurves(runs, done)
    steps = training.steps * LONGER
    looks = [max(1, round(percent / 100 * steps)) for percent in LOOKS_PERCENT]
    reached = exposure(training.schedule, steps, range(looks[-1]))
    spreads = [spread_between_runs(runs, done, float(reached[look - 1]), rate) for look in looks]
    found: dict[int, list[float | None]] = {}
    right: list[str] = []
    for octaves in (0, *WRONG_OCTAVES):
        flags = []
        for seed in range(_FIRST_TARGET_SEED, _FIRST_TARGET_SEED + seeds):
            losses = _losses(
                problem,
                problem.target_width,
                rate + octaves,
                seed,
                training.model_copy(update={"steps": steps}),
                looks[-1],
            )
            verdicts = [
                _verdict(curves, reached, losses[:look], look, rate, spread)
                for look, spread in zip(looks, spreads, strict=True)
            ]
            off = [at for at, said in zip(LOOKS_PERCENT, verdicts, strict=True) if said == "off"]
            flags.append(off[0] if off else None)
            right += verdicts[-1:] if octaves == 0 else []
        found[octaves] = flags
    wrong = [flag for octaves in WRONG_OCTAVES for flag in found[octaves]]
    flagged = [flag for flag in wrong if flag is not None]
    return {
        "problem": name,
        "runs": {"right": len(found[0]), "wrong": len(wrong)},
        "updates": {"proxies": training.steps, "target": steps, "judged": looks[-1]},
        "transferred_log2_rate": round(rate, 2),
        "flagged_wrong_percent": 100 * len(flagged) / len(wrong),
        "flagged_by_octaves": {
            f"{octaves:+d}": 100 * _share(found[octaves]) for octaves in WRONG_OCTAVES
        },
        "false_alarm_percent": 100 * _share(found[0]),
        "right_runs_said_to_be_on_percent": 100 * right.count("on") / len(right),
        "median_flagged_at_percent": median(flagged) if flagged else None,
    }


def _share(flags: list[float | None]) -> float:
    return sum(flag is not None for flag in flags) / len(flags)


def _verdict(
    curves: PredictedCurves,
    reached: np.ndarray,
    losses: list[float],
    look: int,
    rate: float,
    spread: float,
) -> str:
    if len(losses) < look:  # it has diverged
        return "off"
    said = judge(
        curves,
        reached[:look],
        np.log(losses),
        log2_rate=rate,
        spread_octaves=spread,
        updates=look - 1,
    )
    return said.verdict


def _proxies(problem: Problem) -> Iterator[ProxyRun]:
    for width in problem.widths:
        for rate in problem.log2_rates:
            for seed in range(PROXY_SEEDS):
                steps = problem.training.steps
                losses = _losses(problem, width, rate, seed, problem.training, steps)
                yield ProxyRun(width, float(rate), losses)


def _transferred(problem: Problem, runs: list[ProxyRun]) -> float:
    """The optimum that the proxies' optima predict for the target's width."""
    optima = []
    for width in problem.widths:
        values: dict[float, tuple[float | None, ...]] = {}
        for run in runs:
            if run.width == width:
                whole = len(run.losses) == problem.training.steps
                value = mean_loss_of_second_half(list(run.losses)) if whole else None
                values[run.log2_rate] = (*values.get(run.log2_rate, ()), value)
        optima.append(WidthOptimum(width=width, optimum=optimum(values)))
    prediction = predict(optima, problem.target_width)
    assert prediction is not None, "the grid holds the proxies' optima"
    return prediction.log2_learning_rate


def _losses(
    problem: Problem, width: int, log2_rate: float, seed: int, training: Training, until: int
) -> list[float]:
    """Loss before each update, as far as it is finite."""
    model = ModelSpec(
        family=problem.family,
        dataset=problem.dataset,
        width=width,
        base_width=problem.widths[0],
        parametrization=Parametrization.MUP,
    )
    defaults = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(problem.optimizer)}
    trial = new_trial(
        TrialSpec(
            number=0,
            model=model,
            optimizer=problem.optimizer,
            hyperparameters=defaults | {"learning_rate": 2.0**log2_rate},
            training=training,
            seed=seed,
        )
    )
    train_to(trial, until)
    finite = [math.isfinite(loss) for loss in trial.train_losses]
    return trial.train_losses[: finite.index(False) if False in finite else None]


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one problem")
    parser.add_argument("--seeds", type=int, help="target runs of each rate; default: 6")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = QUICK if given.quick else tuple(PROBLEMS)
    seeds = given.seeds or 6
    problems = [measure(name, PROBLEMS[name], seeds) for name in names]
    wrong, right = (sum(one["runs"][kind] for one in problems) for kind in ("wrong", "right"))
    figures = {
        "flagged_wrong_percent": sum(
            one["flagged_wrong_percent"] * one["runs"]["wrong"] for one in problems
        )
        / wrong,
        "false_alarm_percent": sum(
            one["false_alarm_percent"] * one["runs"]["right"] for one in problems
        )
        / right,
    }
    met = {
        "flagged_wrong_percent": figures["flagged_wrong_percent"] >= GOALS["flagged_wrong_percent"],
        "false_alarm_percent": figures["false_alarm_percent"] <= GOALS["false_alarm_percent"],
    }
    give(figures | {"goals": GOALS, "met": met, "problems": problems}, given)


if __name__ == "__main__":
    main()
