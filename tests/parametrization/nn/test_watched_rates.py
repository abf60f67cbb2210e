"""What takes an optimizer's rates off their course is said, once, with the remedy."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
)

from parametrization.nn.apply import Prepared, apply
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule, ScheduleShape
from tests.parametrization.builders import hyperparameters, shape_of
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch

STEPS = 100
every_kind = pytest.mark.parametrize("optimizer", ["adamw", "lion"])
"""torch's own optimizer, and one of ours."""


def training_of(model: nn.Module, optimizer: str, schedule: Schedule | None = None) -> Prepared:
    return apply(
        model,
        shape_of(Mlp),
        hyperparameters(optimizer),
        Multipliers(2),
        optimizer=optimizer,
        schedule=schedule or Schedule(),
        steps=STEPS,
        seed=3,
    )


def backward(model: nn.Module) -> None:
    cross_entropy(model, image_batch(0, 0)).backward()  # type: ignore[no-untyped-call]  # untyped


@every_kind
def test_a_forgotten_schedule_is_noticed_at_the_second_update(optimizer: str) -> None:
    model = Mlp(64)
    training = training_of(model, optimizer)
    backward(model)
    training.optimizer.step()
    with pytest.warns(UserWarning, match=r"called 2 times at step 0 .* stays at 0.1 of its peak"):
        training.optimizer.step()
    training.optimizer.step()  # once is enough


def test_a_schedule_forgotten_where_it_is_flat_is_noticed_where_it_would_fall() -> None:
    model = Mlp(64)
    flat = Schedule(ScheduleShape.WSD, warmup_fraction=0.0, decay_fraction=0.95)
    training = training_of(model, "adamw", flat)
    backward(model)
    for _ in range(6):
        training.optimizer.step()
    with pytest.warns(UserWarning, match="called 7 times at step 0"):
        training.optimizer.step()


@every_kind
def test_training_as_it_should_be_says_nothing(optimizer: str) -> None:
    model = Mlp(64)
    training = training_of(model, optimizer)
    for _ in range(STEPS + 3):
        training.optimizer.zero_grad()
        backward(model)
        backward(model)  # gradients of two microbatches
        training.optimizer.step()
        training.schedule.step()


def test_a_constant_rate_needs_no_schedule() -> None:
    model = Mlp(64)
    training = training_of(model, "adamw", Schedule(ScheduleShape.CONSTANT, warmup_fraction=0.0))
    backward(model)
    for _ in range(3):
        training.optimizer.step()


ABSOLUTE: dict[str, Callable[[torch.optim.Optimizer], LRScheduler]] = {
    "OneCycleLR": lambda optimizer: OneCycleLR(
        optimizer, max_lr=1e-3, total_steps=STEPS, cycle_momentum=False
    ),
    "eta_min": lambda optimizer: CosineAnnealingLR(optimizer, STEPS, eta_min=1e-4),
}


@every_kind
@pytest.mark.parametrize("scheduler", ABSOLUTE)
def test_a_scheduler_of_absolute_rates_is_noticed(optimizer: str, scheduler: str) -> None:
    model = Mlp(64)
    training = training_of(model, optimizer)
    theirs = ABSOLUTE[scheduler](training.optimizer)
    backward(model)
    with pytest.warns(UserWarning, match="have left their ratios"):
        _steps(training, theirs)


def _steps(training: Prepared, theirs: LRScheduler) -> None:
    for _ in range(4):
        training.optimizer.step()
        theirs.step()


MULTIPLICATIVE: dict[str, Callable[[torch.optim.Optimizer], LRScheduler]] = {
    "LambdaLR": lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, STEPS),
}


@every_kind
@pytest.mark.parametrize("scheduler", MULTIPLICATIVE)
def test_another_scheduler_that_keeps_the_ratios_is_welcome(optimizer: str, scheduler: str) -> None:
    model = Mlp(64)
    training = training_of(model, optimizer)
    theirs = MULTIPLICATIVE[scheduler](training.optimizer)
    backward(model)
    for _ in range(5):
        training.optimizer.step()
        theirs.step()


def test_a_plateau_that_divides_all_rates_alike_is_welcome() -> None:
    model = Mlp(64)
    training = training_of(model, "adamw", Schedule(ScheduleShape.CONSTANT, warmup_fraction=0.0))
    plateau = ReduceLROnPlateau(training.optimizer, patience=0)
    backward(model)
    for _ in range(5):
        training.optimizer.step()
        plateau.step(1.0)
    assert training.optimizer.param_groups[0]["lr"] < 0.1 * training.schedule.base_lrs[0]


@every_kind
def test_parameters_that_were_replaced_since_are_noticed(optimizer: str) -> None:
    model = Mlp(64)
    training = training_of(model, optimizer)
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    backward(model)
    with pytest.warns(UserWarning, match="gradients are on other parameters"):
        training.optimizer.step()


def test_a_preview_of_the_rates_says_nothing() -> None:
    training = training_of(Mlp(64), "adamw")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            training.optimizer.step()
            training.schedule.step()
