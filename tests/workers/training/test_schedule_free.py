"""Schedule-free AdamW in a trial, against pytorch_optimizer's, and what it is validated with.

The library adds 1e-15 to second moments before the root: 1e-9 of the loss where a gradient is tiny.
"""

import pytest
import torch
from pytorch_optimizer import ScheduleFreeAdamW

from parametrization.nn.param_groups import param_groups
from parametrization.nn.stepping import evaluating
from parametrization.scaling.schedule import Schedule, ScheduleShape
from tests.workers.cohort.cohorts import precision
from tests.workers.specs import TINY_MLP, model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from workers.training.model_shapes import model_scalings
from workers.training.objective import batch_loss
from workers.training.trainer import train_to, validation_loss
from workers.training.trial import new_trial

STEPS = 24
VALUES = {
    "learning_rate": 2.0**-5,
    "beta1": 0.9,
    "beta2": 0.99,
    "epsilon": 1e-4,
    "weight_decay": 0.1,
    "init_std": 1.0,
    "output_multiplier": 1.0,
}


def spec_of(warmup: float = 0.0) -> TrialSpec:
    schedule = Schedule(ScheduleShape.CONSTANT, warmup_fraction=warmup)
    return trial_spec(
        model=model_spec(TINY_MLP, width=32),
        optimizer="schedule_free_adamw",
        values=VALUES,
        train=training(steps=STEPS, batch_size=16, schedule=schedule),
    )


def test_a_trial_equals_pytorch_optimizer_in_training_and_in_validation() -> None:
    spec = spec_of()
    with precision(torch.float64):
        ours, theirs = new_trial(spec), new_trial(spec)
        scalings = model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
        library = ScheduleFreeAdamW(param_groups(theirs.model, scalings), betas=(0.9, 0.99))
        losses = []
        for step in range(STEPS):
            loss = batch_loss(theirs.model, theirs.batch(step))
            library.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch ships it without annotations
            library.step()
            losses.append(loss.item())
        segment = train_to(ours, STEPS)
        library.eval()  # type: ignore[no-untyped-call]  # shipped without annotations
        expected = validation_loss(theirs)
        trained_values = batch_loss(ours.model, next(iter(ours.data.validation())))
    assert ours.train_losses == pytest.approx(losses, rel=1e-8)
    assert segment.validation_loss == pytest.approx(expected, rel=1e-8)
    assert trained_values.item() != pytest.approx(expected, rel=1e-4)


def test_validation_on_the_way_leaves_the_trained_values_bit_for_bit() -> None:
    whole, interrupted = new_trial(spec_of(0.25)), new_trial(spec_of(0.25))
    train_to(whole, STEPS)
    for step in (0, 5, STEPS):
        train_to(interrupted, step)  # validates, also before the first update
    for one, other in zip(whole.parameters, interrupted.parameters, strict=True):
        assert torch.equal(one, other)


def test_other_optimizers_are_validated_with_what_they_train() -> None:
    trial = new_trial(trial_spec(model=model_spec(TINY_MLP)))
    train_to(trial, 2)
    before = [parameter.detach().clone() for parameter in trial.parameters]
    with evaluating(trial.optimizer):
        for parameter, values in zip(trial.parameters, before, strict=True):
            assert torch.equal(parameter, values)
