"""Measure whether an optimum found under a growing batch transfers with width, beside a cosine's.

    python -m benchmarks.transfer.schedule_transfer --json

An MLP on digits, AdamW under muP, at three widths. `cosine` trains at one batch; `seesaw` begins
with that batch, doubles it three times, and ends when it has seen as many examples, sooner
(Meterez et al. 2025, arXiv:2510.14717). Trials are compared at the end of training, over its last
tenth of updates. `shift_octaves` is the widest optimum less the narrowest; `loss` is that of the
fitted optimum by width, and `loss_over_cosine` the ratio at the widest one.
"""

import sys
from typing import Any, Final

import torch

from benchmarks.report import command_line, give
from benchmarks.transfer.rate_sweeps import (
    drift_octaves,
    log2_rate,
    optimum,
    refined,
    shift_octaves,
    swept,
    trained_loss,
)
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.schedule import Schedule
from parametrization.transfer.regret import Losses
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.digits import Digits
from tuner.spec.families.mlp import Mlp
from tuner.spec.study_fields import Training

OPTIMIZER: Final = "adamw"
WIDTHS: Final = (64, 128, 256)
RATES: Final = range(-9, -3)
"""log2; extended where the best one is at an edge."""
STEPS: Final = 240
BATCH: Final = 16
SEEDS: Final = 2


def trainings() -> dict[str, Training]:
    """A training of each shape, over the same number of examples and from the same first batch."""
    seesaw = Schedule("seesaw")
    full = round(BATCH * seesaw.numbers["growth"] ** seesaw.numbers["stages"])
    whole = STEPS * BATCH
    updates = next(n for n in range(8, STEPS) if seesaw.examples_before(n, n, full) >= whole)
    return {
        "cosine": _training("cosine", STEPS, BATCH),
        "seesaw": _training("seesaw", updates, full),
    }


def _training(shape: str, steps: int, batch_size: int) -> Training:
    return Training(steps=steps, batch_size=batch_size, schedule=Schedule(shape), compared_over=0.1)


def measure(shape: str, training: Training) -> dict[str, Any]:
    """Optima by width under one schedule."""
    optima = {width: optimum(_losses(shape, width, training)) for width in WIDTHS}
    steps, batch = training.steps, training.batch_size
    return {
        "schedule": shape,
        "updates": steps,
        "batch_size": batch,
        "examples": training.schedule.examples_before(steps, steps, batch),
        "optimum_log2_lr": [log2_rate(at) for at in optima.values()],
        "shift_octaves": shift_octaves(optima),
        "drift_octaves_per_doubling": drift_octaves(optima),
        "loss": [None if at.loss is None else round(at.loss, 4) for at in optima.values()],
    }


def _losses(shape: str, width: int, training: Training) -> Losses:
    model = ModelSpec(
        family=Mlp(name="mlp", depth=3),
        dataset=Digits(name="digits"),
        width=width,
        base_width=WIDTHS[0],
        parametrization=Parametrization.MUP,
    )

    def losses_at(rate: float) -> tuple[float | None, ...]:
        return tuple(trained_loss(OPTIMIZER, model, rate, seed, training) for seed in range(SEEDS))

    print(f"{shape}, width {width}", file=sys.stderr, flush=True)
    return refined(swept(RATES, losses_at), losses_at)


def main() -> None:
    """Measure and print."""
    given = command_line(__doc__.partition("\n")[0]).parse_args()
    torch.set_num_threads(1)
    rows = [measure(shape, training) for shape, training in trainings().items()]
    cosine, seesaw = (row["loss"][-1] for row in rows)
    over = None if None in (cosine, seesaw) else round(seesaw / cosine, 4)
    give({"optimizer": OPTIMIZER, "widths": WIDTHS, "rows": rows, "loss_over_cosine": over}, given)


if __name__ == "__main__":
    main()
