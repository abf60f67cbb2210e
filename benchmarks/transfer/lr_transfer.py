"""Measure how far the best learning rate moves with width, under muP and the standard rules.

    python -m benchmarks.transfer.lr_transfer --optimizer muon_spectral --family mlp --json

Every width trains a grid of base rates with the workers' own trainer, extended while the best one
is at its edge, then halved around it; a width's optimum is the fitted one of studies.
`shift_octaves` is the widest measured optimum less the narrowest.
"""

import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.rate_sweeps import (
    drift_octaves,
    log2_rate,
    optimum,
    refined,
    shift_octaves,
    swept,
    told,
    trained_loss,
)
from parametrization.optimizers.registry import STUDIED
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.regret import Losses, wider_is_better
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.study_fields import Training

SEEDS: Final = 2
"""Per rate and width."""


class Workload(NamedTuple):
    """The training of one family; the first width is the base."""

    family: Mlp | Gpt
    dataset: Dataset
    widths: tuple[int, ...]
    steps: int
    batch_size: int
    seeds: int = SEEDS

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
BELOW: Final = {Parametrization.MUP: 0, Parametrization.SP: 2, Parametrization.SP_EMBEDDING: 2}
"""Octaves by which the grid goes on below the default range: without muP optima fall with width."""


def measure(
    optimizer: str, workload: Workload, control: str, said: Callable[[str], None]
) -> dict[str, Any]:
    """The figures of one optimizer and family, under muP and a control."""
    curves = {
        parametrization: _losses_by_width(optimizer, parametrization, workload, said)
        for parametrization in (Parametrization(control), Parametrization.MUP)
    }
    optima = {
        parametrization: {width: optimum(losses) for width, losses in by_width.items()}
        for parametrization, by_width in curves.items()
    }
    return {
        "optimizer": optimizer,
        "family": workload.family.name,
        "dataset": workload.dataset.name,
        "widths": list(workload.widths),
        "steps": workload.steps,
        "optimum_log2_lr": {
            p.value: [log2_rate(at) for at in by_width.values()] for p, by_width in optima.items()
        },
        "shift_octaves": {p.value: shift_octaves(by_width) for p, by_width in optima.items()},
        "drift_octaves_per_doubling": {
            p.value: drift_octaves(by_width) for p, by_width in optima.items()
        },
        "wider_is_better": {
            p.value: None if (wider := wider_is_better(by_width)) is None else wider.share
            for p, by_width in curves.items()
        },
        "seeds": workload.seeds,
    }


def _losses_by_width(
    optimizer: str,
    parametrization: Parametrization,
    workload: Workload,
    said: Callable[[str], None],
) -> dict[int, Losses]:
    low, high = STUDIED[optimizer].log2_rates
    training = Training(steps=workload.steps, batch_size=workload.batch_size)
    found: dict[int, Losses] = {}
    for width in workload.widths:
        model = ModelSpec(
            family=workload.family,
            dataset=workload.dataset,
            width=width,
            base_width=workload.widths[0],
            parametrization=parametrization,
        )
        rates = range(low - BELOW[parametrization], high + 1)

        def losses_at(rate: float, model: ModelSpec = model) -> tuple[float | None, ...]:
            return tuple(
                trained_loss(optimizer, model, rate, seed, training)
                for seed in range(workload.seeds)
            )

        found[width] = refined(swept(rates, losses_at), losses_at)
        said(f"{optimizer}, {parametrization}, width {width}: {told(optimum(found[width]))}")
    return found


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--optimizer", choices=list(STUDIED), default="adamw")
    parser.add_argument("--family", choices=list(WORKLOADS), default="mlp")
    parser.add_argument("--quick", action="store_true", help="three widths, half the steps")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="per rate and width")
    parser.add_argument("--control", choices=["sp", "sp+embedding"], default="sp")
    given = parser.parse_args()
    torch.set_num_threads(1)
    workload = WORKLOADS[given.family]._replace(seeds=given.seeds)
    figures = measure(
        given.optimizer,
        workload.quick() if given.quick else workload,
        given.control,
        said=lambda line: None if given.json else print(line, file=sys.stderr, flush=True),
    )
    give(figures, given)


if __name__ == "__main__":
    main()
