"""Trials for the cohort's tests: alike in shape, unlike in everything that a cohort can mix."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from tests.workers.specs import TINY_GPT, hyperparameters, model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.spec.families.model_family import ModelFamily
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.datasets.digits import load_digits_data
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial

EVERY_OPTIMIZER = ["adam", "adamw", "sgd"]
PROGRAMS = Programs()
"""Of all tests: tracing takes longer than what they train."""


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Models and data of this dtype; the digits are kept in the process's."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    load_digits_data.cache_clear()
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        load_digits_data.cache_clear()


def varied(
    trials: int,
    family: ModelFamily = TINY_GPT,
    optimizer: str = "adamw",
    *,
    width: int = 32,
    steps: int = 40,
    shared_seed: bool = True,
    clip: float | None = 0.5,
) -> list[TrialSpec]:
    """Trials whose every hyperparameter differs; every other one clips."""
    return [
        trial_spec(
            number=number,
            model=model_spec(family, width=width),
            optimizer=optimizer,
            values=_values(optimizer, number),
            train=training(
                steps=steps, batch_size=8, gradient_clip_norm=clip if number % 2 else None
            ),
            seed=0 if shared_seed else number,
        )
        for number in range(trials)
    ]


def _values(optimizer: str, number: int) -> dict[str, float]:
    number %= 5
    shift = {
        "learning_rate": 2.0 ** (-6 - number / 2),
        "init_std": 1.0 + 0.1 * number,
        "output_multiplier": 1.0 / (1 + number),
    }
    if optimizer == "sgd":
        return hyperparameters(
            optimizer, **shift, momentum=0.9 - 0.1 * number, weight_decay=0.01 * number
        )
    adam = {"beta1": 0.9 - 0.1 * number, "beta2": 0.95 - 0.02 * number}
    adam |= {"epsilon": 10.0 ** (-8 + number)}
    if optimizer == "adamw":
        adam |= {"weight_decay": 0.1 * number}
    return hyperparameters(optimizer, **shift, **adam)


def alone(spec: TrialSpec, steps: int, device: str = "cpu") -> RunningTrial:
    """The trial after as many steps by itself."""
    trial = new_trial(spec, device)
    train_to(trial, steps)
    return trial


def together(trials: Sequence[RunningTrial], steps: int) -> Cohort:
    """The cohort of the trials after as many more steps."""
    cohort = Cohort(trials, PROGRAMS)
    cohort.advance(steps)
    return cohort


def distance(one: RunningTrial, other: RunningTrial) -> float:
    """Largest relative difference of losses and of tensors (in their norm)."""
    losses = zip(one.train_losses, other.train_losses, strict=True)
    tensors = zip(one.model.parameters(), other.model.parameters(), strict=True)
    with torch.no_grad():
        return max(
            *(abs(a - b) / abs(b) for a, b in losses),
            *(float((a - b).norm() / b.norm()) for a, b in tensors if b.norm() > 0),
        )


def identical(one: RunningTrial, other: RunningTrial) -> bool:
    """Whether losses, tensors and optimizer states are equal bit for bit."""
    mine, yours = one.state(), other.state()
    same_state = all(
        torch.equal(value, yours["optimizer"]["state"][number][name])
        for number, state in mine["optimizer"]["state"].items()
        for name, value in state.items()
    )
    tensors = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return (
        same_state
        and one.train_losses == other.train_losses
        and all(torch.equal(a, b) for a, b in tensors)
    )
