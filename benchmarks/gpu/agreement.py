"""Section 5: does a cohort's trial train as alone, held against the same trial alone twice."""

from contextlib import closing
from typing import Final

from benchmarks.gpu.section import Section, run
from benchmarks.gpu.trials import distance, specs
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.resnet import Resnet
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial

STEPS: Final = 200
_FAMILIES: Final = {
    "mlp": (Mlp(name="mlp"), 128, 128, "fp32"),
    "gpt": (Gpt(name="gpt", depth=2, context=64), 128, 16, "fp32"),
    "gpt bf16": (Gpt(name="gpt", depth=2, context=64), 128, 16, "bf16"),
    "resnet": (Resnet(name="resnet", depth=3), 16, 32, "fp32"),
}


def measure(section: Section) -> None:
    """Curves of the trials after so many steps, and after a tenth of them."""
    steps, device = (4 if section.rehearsed else STEPS), str(section.device)
    families = dict(list(_FAMILIES.items())[: 1 if section.rehearsed else None])
    for name, (family, width, batch_size, precision) in families.items():
        if section.seconds_left < 4:
            break
        with section.trying(workload=name, steps=steps) as row:
            trials = specs(
                family, trials=4, width=width, batch_size=batch_size, precision=precision
            )
            lone = [_alone(new_trial(one, device), steps) for one in trials[:2]]
            again = [_alone(new_trial(one, device), steps) for one in trials[:2]]
            with closing(Cohort([new_trial(one, device) for one in trials], Programs())) as cohort:
                cohort.advance(steps)
                found = [trial.train_losses for trial in cohort.trials[:2]]
            for part, until in (("tenth", max(1, steps // 10)), ("whole", steps)):
                row[part] = {
                    "cohort": _largest(found, lone, until),
                    "alone_again": _largest(again, lone, until),
                }


def _alone(trial: RunningTrial, steps: int) -> list[float]:
    train_to(trial, steps)
    return trial.train_losses


def _largest(found: list[list[float]], expected: list[list[float]], until: int) -> float:
    return max(distance(a[:until], b[:until]) for a, b in zip(found, expected, strict=True))


if __name__ == "__main__":
    run(measure)
