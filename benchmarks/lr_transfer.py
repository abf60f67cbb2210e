"""How far the best learning rate moves with width, under muP and under the standard rules.

    python -m benchmarks.lr_transfer --optimizer muon_spectral --family mlp --json [--quick]

Every width trains a grid of base rates with the workers' own trainer, extended while the best one is
at its edge; a width's optimum is
the fitted one of studies. `shift_octaves` is the widest measured optimum less the narrowest.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

import torch

from benchmarks.report import store
from parametrization.rules import Optimizer, Parametrization
from tuner.engine import ModelSpec, TrialSpec
from tuner.families import Digits, Gpt, Mlp, StdlibText
from tuner.optimizer_defaults import STUDIED
from tuner.optimum import Optimum, fit_optimum
from tuner.regret import Losses, wider_is_better
from tuner.study_spec import Training
from tuner.transfer import WidthOptimum, drift
from workers.trainer import mean_loss_of_second_half, train_to
from workers.trial import new_trial


class Workload(NamedTuple):
    """What one family trains; the first width is the base."""

    family: Mlp | Gpt
    dataset: Digits | StdlibText
    widths: tuple[int, ...]
    steps: int
    batch_size: int
    seeds: int = 2

    def quick(self) -> "Workload":
        """Three widths and half the steps: enough to see a rule that is wrong."""
        return self._replace(widths=self.widths[:3], steps=self.steps // 2)


WORKLOADS: Final = {
    "mlp": Workload(
        Mlp(name="mlp", depth=3),
        Digits(name="digits"),
        (64, 128, 256, 512),
        steps=120,
        batch_size=32,
    ),
    "gpt": Workload(
        Gpt(name="gpt", depth=2, head_size=16, context=32),
        StdlibText(name="stdlib-text"),
        (32, 64, 128, 256),
        steps=120,
        batch_size=16,
    ),
}
MOST_RATES: Final = 17
BELOW: Final = {Parametrization.MUP: 0, Parametrization.SP: 2}
"""Octaves by which the grid goes on below the default range: without muP optima fall with width."""


def measure(
    optimizer: Optimizer, workload: Workload, said: Callable[[str], None]
) -> dict[str, Any]:
    """The figures of one optimizer and family."""
    curves = {
        parametrization: _losses_by_width(optimizer, parametrization, workload, said)
        for parametrization in Parametrization
    }
    optima = {
        parametrization: {width: _optimum(losses) for width, losses in by_width.items()}
        for parametrization, by_width in curves.items()
    }
    return {
        "optimizer": optimizer.value,
        "family": workload.family.name,
        "dataset": workload.dataset.name,
        "widths": list(workload.widths),
        "steps": workload.steps,
        "optimum_log2_lr": {
            p.value: [_log2_rate(at) for at in by_width.values()] for p, by_width in optima.items()
        },
        "shift_octaves": {p.value: _shift(by_width) for p, by_width in optima.items()},
        "drift_octaves_per_doubling": {p.value: _drift(by_width) for p, by_width in optima.items()},
        "wider_is_better": {
            p.value: None if (wider := wider_is_better(by_width)) is None else wider.share
            for p, by_width in curves.items()
        },
        "seeds": workload.seeds,
    }


def _losses_by_width(
    optimizer: Optimizer,
    parametrization: Parametrization,
    workload: Workload,
    said: Callable[[str], None],
) -> dict[int, Losses]:
    low, high = STUDIED[optimizer].log2_rates
    found: dict[int, Losses] = {}
    for width in workload.widths:
        model = ModelSpec(
            family=workload.family,
            dataset=workload.dataset,
            width=width,
            base_width=workload.widths[0],
            parametrization=parametrization,
        )
        rates = list(range(low - BELOW[parametrization], high + 1))
        losses: dict[float, tuple[float | None, ...]] = {}
        while rates:
            losses |= {
                float(rate): tuple(
                    _loss(optimizer, model, 2.0**rate, seed, workload)
                    for seed in range(workload.seeds)
                )
                for rate in rates
            }
            rates = [] if len(losses) >= MOST_RATES else _beyond(losses)
        found[width] = losses
        said(f"{optimizer}, {parametrization}, width {width}: {_optimum(found[width])}")
    return found


def _beyond(losses: Losses) -> list[int]:
    """The next rates, where the best one is the last of the grid on one side; else none."""
    means = {
        rate: fmean(known)
        for rate, seeds in losses.items()
        if len(known := [loss for loss in seeds if loss is not None]) == len(seeds)
    }
    best, low, high = min(means, key=means.__getitem__), min(losses), max(losses)
    if best == high:
        return [int(high) + 1, int(high) + 2]
    return [int(low) - 1, int(low) - 2] if best == low else []


def _loss(
    optimizer: Optimizer, model: ModelSpec, rate: float, seed: int, workload: Workload
) -> float | None:
    """What studies compare trials by; None if it diverged."""
    trial = new_trial(
        TrialSpec(
            number=0,
            model=model,
            optimizer=optimizer,
            hyperparameters={
                "init_std": 1.0,
                "output_multiplier": 1.0,
                **STUDIED[optimizer].defaults,
                "learning_rate": rate,
            },
            training=Training(steps=workload.steps, batch_size=workload.batch_size),
            seed=seed,
        )
    )
    segment = train_to(trial, workload.steps)
    return None if segment.diverged_at else mean_loss_of_second_half(trial.train_losses)


def _optimum(losses: Losses) -> Optimum:
    return fit_optimum((rate, loss) for rate, seeds in losses.items() for loss in seeds)


def _log2_rate(at: Optimum) -> float | None:
    known = at.status == "measured" and at.log2_learning_rate is not None
    return round(at.log2_learning_rate, 2) if known and at.log2_learning_rate is not None else None


def _shift(by_width: dict[int, Optimum]) -> float | None:
    known = [rate for at in by_width.values() if (rate := _log2_rate(at)) is not None]
    return round(known[-1] - known[0], 2) if len(known) > 1 else None


def _drift(by_width: dict[int, Optimum]) -> float | None:
    """The slope through all widths, by the data alone."""
    optima = tuple(WidthOptimum(width=width, optimum=at) for width, at in by_width.items())
    found = drift(optima, prior_octaves=None)
    return None if found is None else round(found.octaves_per_doubling, 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--optimizer", choices=[name.value for name in STUDIED], default="adamw")
    parser.add_argument("--family", choices=list(WORKLOADS), default="mlp")
    parser.add_argument("--json", action="store_true", help="only the figures, to stdout")
    parser.add_argument("--quick", action="store_true", help="three widths, half the steps")
    parser.add_argument("--output", type=Path, help="a file for the same, with command, versions")
    given = parser.parse_args()
    torch.set_num_threads(1)
    workload = WORKLOADS[given.family]
    figures = measure(
        Optimizer(given.optimizer),
        workload.quick() if given.quick else workload,
        said=lambda line: None if given.json else print(line, file=sys.stderr, flush=True),
    )
    print(json.dumps(figures, indent=None if given.json else 2))
    if given.output is not None:
        store(given.output, figures)


if __name__ == "__main__":
    main()
