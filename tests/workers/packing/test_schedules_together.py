"""Trials of every schedule in company: as exact as alone, batches that grow included."""

import pytest
import torch

from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import SHAPES
from tests.workers.cohort.cohorts import PROGRAMS, alone, distance, identical, precision
from tests.workers.specs import TINY_MLP, model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from workers.packing.train_together import train_packed
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial, restored_trial

FUSED = Packing(way="fused", least=2, most=16, speedup=2.0, device="cpu")
STEPS = 24
SCHEDULES = [Schedule(shape, final_fraction=0.1) for shape in SHAPES] + [
    Schedule(batch_warmup_fraction=0.5, warmup_min_steps=5)
]
GROWING = [schedule for schedule in SCHEDULES if schedule.grows_batch]


def specs(schedules: list[Schedule], *, each: int = 1) -> list[TrialSpec]:
    """Trials of an MLP, as many of each schedule, at rates of their own."""
    return [
        trial_spec(
            number=number,
            model=model_spec(TINY_MLP, width=32),
            train=training(steps=STEPS, batch_size=8, schedule=schedule),
        )
        for number, schedule in enumerate(schedule for schedule in schedules for _ in range(each))
    ]


def together(trials: list[RunningTrial], step: int) -> None:
    for _ in train_packed(trials, step, FUSED, PROGRAMS):
        pass


def test_trials_of_all_schedules_in_one_order_train_as_each_would_alone() -> None:
    with precision(torch.float64):
        asked = specs(SCHEDULES, each=2)
        trials = [new_trial(spec) for spec in asked]
        together(trials, STEPS)
        for trial in trials:
            assert distance(trial, alone(trial.spec, STEPS)) < 1e-12


@pytest.mark.parametrize("schedule", GROWING, ids=lambda schedule: schedule.shape)
def test_batches_grow_as_the_schedule_says(schedule: Schedule) -> None:
    trial = new_trial(specs([schedule])[0])
    sizes = [len(trial.batch(step).targets) for step in range(STEPS)]
    assert sizes == [schedule.batch_size(step, STEPS, 8) for step in range(STEPS)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] <= 8


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.shape)
def test_a_resumed_trial_goes_on_as_if_it_had_never_stopped(schedule: Schedule) -> None:
    (spec,) = specs([schedule])
    whole, half = new_trial(spec), new_trial(spec)
    train_to(whole, STEPS)
    train_to(half, STEPS // 2)
    resumed = restored_trial(spec, half.state())
    train_to(resumed, STEPS)
    assert identical(resumed, whole)


def test_trials_whose_batches_grow_meet_at_equal_steps_alone() -> None:
    """Those of other steps see batches of other sizes, which no cohort can stack."""
    with precision(torch.float64):
        asked = specs([SCHEDULES[-1]], each=4)
        trials = [new_trial(spec) for spec in asked]
        for trial in trials[:2]:
            train_to(trial, 6)
        together(trials, STEPS)
        for trial in trials:
            assert distance(trial, alone(trial.spec, STEPS)) < 1e-12
