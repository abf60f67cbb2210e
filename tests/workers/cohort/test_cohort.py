"""A trial of a cohort against the same trial alone: the exactness that the engine promises."""

import math
from pathlib import Path

import pytest
import torch

from tests.workers.cohort.cohorts import (
    EVERY_OPTIMIZER,
    PROGRAMS,
    alone,
    distance,
    identical,
    precision,
    together,
    varied,
)
from tests.workers.specs import OPTIONED_GPT, TINY_GPT, TINY_MLP
from tuner.engine.checkpoints import FileCheckpoints
from tuner.spec.families.model_family import ModelFamily
from workers.cohort.cohort import Cohort
from workers.training.checkpoint import load, save
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial

STEPS = 40
FAMILIES: list[ModelFamily] = [TINY_GPT, TINY_MLP]
EVERY_OPTION: list[ModelFamily] = [
    OPTIONED_GPT,
    TINY_GPT.model_copy(update={"norm": "layernorm", "activation": "silu"}),
    TINY_MLP.model_copy(update={"norm": "layernorm", "activation": "tanh"}),
]


@pytest.mark.parametrize("shared_seed", [True, False])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_trial_of_a_cohort_equals_the_trial_alone(
    family: ModelFamily, optimizer: str, shared_seed: bool
) -> None:
    """fp64: products are summed in another order, 5e-15 over 40 steps; a fault shows at 1e-6."""
    with precision(torch.float64):
        specs = varied(4, family, optimizer, shared_seed=shared_seed)
        cohort = together([new_trial(spec) for spec in specs], STEPS)
        for spec, trial, advance in zip(specs, cohort.trials, cohort.advances, strict=True):
            reference = new_trial(spec)
            segment = train_to(reference, STEPS)
            assert distance(trial, reference) < 1e-12
            for ours, expected in zip(advance.updates, segment.updates, strict=True):
                assert ours == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("family", EVERY_OPTION)
def test_other_options_are_as_exact(family: ModelFamily) -> None:
    """Some have tensors of the same shapes, and must not be taken for each other."""
    with precision(torch.float64):
        specs = varied(3, family)
        for spec, trial in zip(
            specs, together([new_trial(spec) for spec in specs], STEPS).trials, strict=True
        ):
            assert distance(trial, alone(spec, STEPS)) < 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_single_precision_drifts_no_more_than_a_trial_from_itself(family: ModelFamily) -> None:
    """The control: the same trial alone, started one rounding (1e-7 of each tensor) away."""
    specs = varied(4, family)
    for spec, trial in zip(
        specs, together([new_trial(spec) for spec in specs], STEPS).trials, strict=True
    ):
        reference, control = alone(spec, STEPS), new_trial(spec)
        with torch.no_grad():
            for tensor in control.model.parameters():
                tensor.mul_(1 + torch.finfo(torch.float32).eps)
        train_to(control, STEPS)
        assert distance(trial, reference) < 10 * distance(control, reference)
        assert distance(trial, reference) < 1e-3


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", FAMILIES)
def test_pruning_leaves_the_survivors_untouched(family: ModelFamily, optimizer: str) -> None:
    specs = varied(5, family, optimizer)
    whole = together([new_trial(spec) for spec in specs], STEPS)
    half = together([new_trial(spec) for spec in specs], STEPS // 2)
    survivors = together([half.trials[number] for number in (0, 2, 3)], STEPS // 2)
    for number, trial in zip((0, 2, 3), survivors.trials, strict=True):
        assert identical(trial, whole.trials[number])


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_diverging_trial_leaves_the_others_untouched(family: ModelFamily, optimizer: str) -> None:
    specs = varied(4, family, optimizer)
    hot = specs[1].model_copy(
        update={"hyperparameters": specs[1].hyperparameters | {"learning_rate": 1e30}}
    )
    calm = together([new_trial(spec) for spec in specs], STEPS)
    mixed = together([new_trial(spec) for spec in (specs[0], hot, *specs[2:])], STEPS)
    reference = train_to(new_trial(hot), STEPS)
    assert reference.diverged_at is not None
    assert mixed.advances[1].diverged_at == reference.diverged_at
    assert len(mixed.advances[1].updates) == len(reference.updates)
    assert not torch.isfinite(next(mixed.trials[1].model.parameters())).all()
    for number in (0, 2, 3):
        assert identical(mixed.trials[number], calm.trials[number])


def test_a_cohort_stops_early_once_half_of_it_has_diverged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.cohort.cohort.BLOCK_STEPS", STEPS // 2)
    specs = varied(2)
    hot = specs[1].model_copy(
        update={"hyperparameters": specs[1].hyperparameters | {"learning_rate": 1e30}}
    )
    cohort = together([new_trial(specs[0]), new_trial(hot)], STEPS)
    assert 0 < cohort.trials[0].step < STEPS
    assert cohort.alive == [cohort.trials[0]]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_trial_in_a_freed_place_equals_itself_alone(family: ModelFamily) -> None:
    """Its steps, and with them schedule, batches and bias correction, are other trials' no more."""
    with precision(torch.float64):
        specs = varied(4, family)
        first = together([new_trial(spec) for spec in specs[:3]], STEPS // 2)
        refilled = together([*first.trials[:2], new_trial(specs[3])], STEPS // 2)
        for spec, trial, steps in zip(
            (*specs[:2], specs[3]), refilled.trials, (STEPS, STEPS, STEPS // 2), strict=True
        ):
            assert distance(trial, alone(spec, steps)) < 1e-12


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_a_cohort_resumed_from_checkpoints_ends_as_if_never_stopped(
    optimizer: str, tmp_path: Path
) -> None:
    specs = varied(3, optimizer=optimizer)
    whole = together([new_trial(spec) for spec in specs], STEPS)
    head = together([new_trial(spec) for spec in specs], 15)
    store = FileCheckpoints(tmp_path)
    stored = [save(trial.state(), store, f"{trial.spec.number}", 15) for trial in head.trials]
    restored = [
        restored_trial(spec, load(at, store)) for spec, at in zip(specs, stored, strict=True)
    ]
    tail = together(restored, STEPS - 15)
    for resumed, uninterrupted in zip(tail.trials, whole.trials, strict=True):
        assert identical(resumed, uninterrupted)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_checkpoints_of_cohorts_and_of_lone_trials_are_of_one_kind(
    optimizer: str, tmp_path: Path
) -> None:
    with precision(torch.float64):
        specs = varied(3, optimizer=optimizer)
        cohort = together([new_trial(spec) for spec in specs], 15)
        lone = [alone(spec, 15) for spec in specs]
        for one, other in zip(cohort.trials, lone, strict=True):
            mine, yours = one.state()["optimizer"], other.state()["optimizer"]
            assert mine["state"].keys() == yours["state"].keys()
            assert [state.keys() for state in mine["state"].values()] == [
                state.keys() for state in yours["state"].values()
            ]
        store = FileCheckpoints(tmp_path)
        stored = save(cohort.trials[0].state(), store, "a", 15)
        left = restored_trial(specs[0], load(stored, store))
        train_to(left, STEPS)
        assert distance(left, alone(specs[0], STEPS)) < 1e-12
        joined = together([restored_trial(t.spec, t.state()) for t in lone], STEPS - 15)
        assert distance(joined.trials[1], alone(specs[1], STEPS)) < 1e-12


def test_a_trial_stores_its_own_share_of_the_stack_alone(tmp_path: Path) -> None:
    spec = varied(1)[0]
    store = FileCheckpoints(tmp_path)
    save(alone(spec, 2).state(), store, "alone", 2)
    trial = together([new_trial(one) for one in varied(16)], 2).trials[0]
    save(trial.state(), store, "together", 2)
    small, large = (tmp_path / name for name in ("alone", "together"))
    assert large.stat().st_size < 1.1 * small.stat().st_size


def test_a_survivor_goes_on_alone_from_its_slice() -> None:
    with precision(torch.float64):
        specs = varied(3)
        cohort = together([new_trial(spec) for spec in specs], 15)
        for trial in cohort.trials:
            train_to(trial, STEPS)
            assert distance(trial, alone(trial.spec, STEPS)) < 1e-12


def test_a_cohort_of_one_equals_the_trial_alone() -> None:
    with precision(torch.float64):
        spec = varied(1)[0]
        assert distance(together([new_trial(spec)], 10).trials[0], alone(spec, 10)) < 1e-12


def test_the_same_cohort_twice_is_equal_bit_for_bit() -> None:
    specs = varied(3)
    one, other = (together([new_trial(spec) for spec in specs], 10) for _ in range(2))
    assert all(identical(a, b) for a, b in zip(one.trials, other.trials, strict=True))


def test_an_interrupted_cohort_has_written_down_the_steps_it_took() -> None:
    class Interrupted(Exception):
        pass

    trials = [new_trial(spec) for spec in varied(2)]
    whole = trials[0].data

    class Ending:
        sha256 = whole.sha256
        validation = whole.validation

        def batch(self, seed: int, step: int, batch_size: int) -> object:
            if step == 5:
                raise Interrupted
            return whole.batch(seed, step, batch_size)

    trials[0].data = Ending()  # type: ignore[assignment]  # it ends, which no dataset does
    cohort = Cohort(trials, PROGRAMS)
    with pytest.raises(Interrupted):
        cohort.advance(STEPS)
    assert [trial.step for trial in trials] == [5, 5]
    assert math.isfinite(sum(trials[1].train_losses))
