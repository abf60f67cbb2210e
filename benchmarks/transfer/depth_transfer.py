"""Measure how far the best learning rate moves with depth, by depth rule.

    python -m benchmarks.transfer.depth_transfer --rule completep --family gpt --json [--quick]

Every depth trains a grid of rates under muP with the workers' own trainer, extended while the best
one is at its edge; a depth's optimum is the fitted one of studies. The rate is the base's: blocks
train at it times what the rule says. `shift_octaves` is the deepest measured optimum less the
shallowest, `transfer_regret_percent` what the shallowest model's rate costs the deepest. Without
`--rule`, `none` and `completep` are measured beside each other.
"""

import sys
from collections.abc import Callable
from statistics import fmean
from typing import Any, Final, NamedTuple

import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.rate_sweeps import (
    best_rate,
    drift_octaves,
    log2_rate,
    optimum,
    shift_octaves,
    swept,
    told,
    trained_loss,
)
from parametrization.optimizers.registry import STUDIED
from parametrization.rules.depth import DepthRule
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.transfer.regret import Losses
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.vit import Vit
from tuner.spec.study_fields import Training


class Workload(NamedTuple):
    """The training of one family; the first depth is the base."""

    family: Gpt | Vit | Resnet
    dataset: Dataset
    width: int
    depths: tuple[int, ...]
    training: Training
    rates: tuple[int, ...]
    """log2 of the learning rates to begin with."""
    seeds: int = 2

    def quick(self) -> "Workload":
        """Three depths, one seed, half the steps: enough for an optimum at every depth."""
        few = self.training.model_copy(update={"steps": self.training.steps // 2})
        return self._replace(depths=self.depths[:3], training=few, seeds=1)


_TEXT: Final = StdlibText(name="stdlib-text")
_DIGITS: Final = Digits(name="digits")
WORKLOADS: Final = {
    "gpt": Workload(
        Gpt(name="gpt", head_size=16, context=32),
        _TEXT,
        width=32,
        depths=(2, 4, 8, 16),
        training=Training(steps=60, batch_size=16),
        rates=(-9, -8, -7, -6, -5, -4, -3),
    ),
    "vit": Workload(
        Vit(name="vit", head_size=16),
        _DIGITS,
        width=32,
        depths=(2, 4, 8, 16),
        training=Training(steps=60, batch_size=32),
        rates=(-11, -10, -9, -8, -7, -6, -5),
    ),
    "resnet": Workload(
        Resnet(name="resnet"),
        _DIGITS,
        width=16,
        depths=(2, 4, 8, 16),
        training=Training(steps=60, batch_size=16),
        rates=(-9, -8, -7, -6, -5, -4, -3),
    ),
}


def measure(
    optimizer: str, rules: tuple[DepthRule, ...], workload: Workload, said: Callable[..., Any]
) -> dict[str, Any]:
    """The figures of one optimizer and family."""
    curves = {rule: _losses_by_depth(optimizer, rule, workload, said) for rule in rules}
    optima = {
        rule.value: {depth: optimum(losses) for depth, losses in by_depth.items()}
        for rule, by_depth in curves.items()
    }
    return {
        "optimizer": optimizer,
        "family": workload.family.name,
        "dataset": workload.dataset.name,
        "width": workload.width,
        "depths": list(workload.depths),
        "steps": workload.training.steps,
        "optimum_log2_lr": {
            rule: [log2_rate(at) for at in by_depth.values()] for rule, by_depth in optima.items()
        },
        "shift_octaves": {rule: shift_octaves(by_depth) for rule, by_depth in optima.items()},
        "drift_octaves_per_doubling": {
            rule: drift_octaves(by_depth) for rule, by_depth in optima.items()
        },
        "transfer_regret_percent": {rule.value: _regret(curves[rule]) for rule in rules},
        "best_loss": {
            rule.value: [round(best_rate(losses)[1], 4) for losses in by_depth.values()]
            for rule, by_depth in curves.items()
        },
        "seeds": workload.seeds,
    }


def _losses_by_depth(
    optimizer: str, rule: DepthRule, workload: Workload, said: Callable[..., Any]
) -> dict[int, Losses]:
    found: dict[int, Losses] = {}
    for depth in workload.depths:
        model = ModelSpec(
            family=workload.family.model_copy(update={"depth": depth}),
            dataset=workload.dataset,
            width=workload.width,
            base_width=workload.width,
            parametrization=Parametrization.MUP,
            policies=Policies(depth_rule=rule),
            base_depth=workload.depths[0],
        )

        def losses_at(rate: float, model: ModelSpec = model) -> tuple[float | None, ...]:
            return tuple(
                trained_loss(optimizer, model, rate, seed, workload.training)
                for seed in range(workload.seeds)
            )

        found[depth] = swept(workload.rates, losses_at)
        said(f"{optimizer}, {rule}, depth {depth}: {told(optimum(found[depth]))}")
    return found


def _regret(by_depth: dict[int, Losses]) -> float | None:
    """Loss that the shallowest model's best rate costs the deepest; None if it diverges there."""
    shallow, deep = next(iter(by_depth.values())), list(by_depth.values())[-1]
    there = deep.get(best_rate(shallow)[0], (None,))
    known = [loss for loss in there if loss is not None]
    if len(known) < len(there):
        return None
    return round(100 * (fmean(known) / best_rate(deep)[1] - 1), 2)


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--optimizer", choices=list(STUDIED), default="adamw")
    parser.add_argument("--rule", choices=[rule.value for rule in DepthRule], help="this one alone")
    parser.add_argument("--family", choices=list(WORKLOADS), default="gpt")
    parser.add_argument(
        "--quick", action="store_true", help="three depths, one seed, half the steps"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    workload = WORKLOADS[given.family]
    named = (DepthRule(given.rule),) if given.rule else (DepthRule.NONE, DepthRule.COMPLETEP)
    figures = measure(
        given.optimizer,
        named,
        workload.quick() if given.quick else workload,
        said=lambda line: None if given.json else print(line, file=sys.stderr, flush=True),
    )
    give(figures, given)


if __name__ == "__main__":
    main()
