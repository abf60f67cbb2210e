"""States of resumed trials lie where their parameters do, whatever they are called."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import flat_defaults
from tests.workers.cohort.cohorts import PROGRAMS
from tests.workers.specs import TINY_MLP, model_spec, trial_spec
from workers.cohort.cohort import Cohort
from workers.cohort.tensor_updates import trains_in_cohorts
from workers.training.trainer import train_to
from workers.training.trial import load_optimizer, new_trial, restored_trial

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
COHORTED = sorted(name for name in STUDIED if trains_in_cohorts(name))


def one_step(build: Callable[[list[Tensor]], torch.optim.Optimizer]) -> dict[str, Any]:
    """State after a step on the CPU."""
    parameter = nn.Parameter(torch.ones(3, 2))
    optimizer = build([parameter])
    parameter.grad = torch.ones(3, 2)
    optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize(
    "build",
    [torch.optim.AdamW, torch.optim.Adam, torch.optim.NAdam, torch.optim.Adagrad],
    ids=lambda build: build.__name__,
)
def test_a_state_called_step_follows_its_parameter_onto_a_gpu(
    build: Callable[[list[Tensor]], torch.optim.Optimizer],
) -> None:
    """Torch leaves it on the CPU unless the stored group is fused."""
    state = one_step(build)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        parameter = nn.Parameter(torch.empty(3, 2, device="cuda"), requires_grad=False)
        optimizer = build([parameter])
        load_optimizer(optimizer, state)
        kept = {name: value for name, value in optimizer.state[parameter].items()}
        assert "step" in kept
        assert {value.device.type for value in kept.values() if isinstance(value, Tensor)} == {
            "cuda"
        }


def resumed(optimizer: str, device: str) -> Cohort:
    """Two trials that were stopped after two steps, together again."""
    numbers = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)}
    low, high = STUDIED[optimizer].log2_rates
    spec = trial_spec(
        model=model_spec(TINY_MLP),
        optimizer=optimizer,
        values=numbers | {"learning_rate": 2.0 ** ((low + high) / 2)},
    )
    lone = new_trial(spec, device)
    train_to(lone, 2)
    state = lone.state()
    return Cohort([restored_trial(spec, state, device) for _ in range(2)], PROGRAMS)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("optimizer", COHORTED)
def test_resumed_trials_of_every_optimizer_train_together_on_a_gpu(optimizer: str) -> None:
    cohort = resumed(optimizer, "cuda")
    cohort.advance(6)
    assert all(trial.step == 8 for trial in cohort.trials)
    cohort.close()
