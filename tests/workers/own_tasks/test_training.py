"""Own tasks train as families do: bit for bit the same resumed, alone or together."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workers.own_tasks.families import nothing_left_behind, own_family
from tests.workers.specs import model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from workers.cohort.programs import Programs
from workers.packing.probe import require_agreement
from workers.packing.train_together import train_packed, trains_alone
from workers.training.trainer import progress, train_to
from workers.training.trial import RunningTrial, new_trial, restored_trial

TASK = """
import random
import numpy as np
import torch
from torch import nn
from widthwise.task import Task

class Noisy(Task):
    base_width = 16
    roles = {"3.weight": "output"}
    def model(self, width, depth):
        return nn.Sequential(nn.Linear(4, width), nn.Dropout(0.2), nn.Tanh(), nn.Linear(width, 1))

    def batch(self, seed, step, size):
        x = torch.randn(size, 4) + random.random() + np.random.rand()
        return {"x": x, "y": [x.sum(1, keepdim=True)]}

    def loss(self, model, batch):
        return (model(batch["x"]) - batch["y"][0]).square().mean()

class Quiet(Noisy):
    def model(self, width, depth):
        return nn.Sequential(nn.Linear(4, width), nn.Identity(), nn.Tanh(), nn.Linear(width, 1))

class Counting(Quiet):
    calls = 0

    def loss(self, model, batch):
        Counting.calls += 1
        return super().loss(model, batch) * Counting.calls

class Loaded(Quiet):
    def loader(self, seed):
        data = torch.utils.data.TensorDataset(torch.randn(24, 4), torch.randn(24, 1))
        return torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)

    batch = Task.batch

    def loss(self, model, batch):
        x, y = batch
        return (model(x) - y).square().mean()

    def validate(self, model):
        return 0.25 + sum(p.square().sum().item() for p in model.parameters())
"""


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with nothing_left_behind():
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "noisy.py"
    path.write_text(TASK)
    return path


def spec_of(file: Path, attribute: str, **facts: Any) -> TrialSpec:  # noqa: ANN401
    return trial_spec(
        model=model_spec(own_family(file, attribute, **facts)), train=training(steps=12)
    )


@pytest.mark.parametrize("attribute", ["Noisy", "Loaded"])
def test_a_resumed_trial_goes_on_bit_for_bit(file: Path, attribute: str) -> None:
    loaded = {"batches": "loader", "validates": True} if attribute == "Loaded" else {}
    spec = spec_of(file, attribute, **loaded)
    whole = new_trial(spec)
    train_to(whole, 12)
    first = new_trial(spec)
    train_to(first, 5)
    torch.manual_seed(99)  # whatever another trial drew meanwhile
    second = restored_trial(spec, first.state())
    train_to(second, 12)
    assert second.train_losses == whole.train_losses
    for one, other in zip(second.parameters, whole.parameters, strict=True):
        assert torch.equal(one, other)


def test_trials_of_other_seeds_draw_other_numbers(file: Path) -> None:
    spec = spec_of(file, "Noisy")
    one, other = new_trial(spec), new_trial(spec.model_copy(update={"seed": 1}))
    assert not torch.equal(one.batch(0).inputs["x"], other.batch(0).inputs["x"])


def test_trials_are_compared_by_what_validate_returns(file: Path) -> None:
    trial = new_trial(spec_of(file, "Loaded", batches="loader", validates=True))
    segment = train_to(trial, 12)
    assert segment.validation_loss is not None
    assert segment.validation_loss > 0.25
    assert progress(trial, segment, None).loss == segment.validation_loss


def test_a_task_without_validate_has_no_validation_loss(file: Path) -> None:
    trial = new_trial(spec_of(file, "Quiet"))
    reported = progress(trial, train_to(trial, 12), None)
    assert reported.validation_loss is None
    assert reported.loss == pytest.approx(sum(trial.train_losses[6:]) / 6)


def test_only_trials_that_draw_nothing_and_have_batches_by_step_train_together(file: Path) -> None:
    assert not trains_alone(spec_of(file, "Quiet"))
    assert trains_alone(spec_of(file, "Noisy", draws=True))
    assert trains_alone(spec_of(file, "Loaded", batches="loader"))


@pytest.mark.slow
def test_trials_that_train_together_agree_with_lone_ones(file: Path) -> None:
    first = spec_of(file, "Quiet")
    specs = [
        first.model_copy(
            update={
                "number": number,
                "seed": number // 2,
                "hyperparameters": first.hyperparameters | {"output_multiplier": 2.0**number},
            }
        )
        for number in range(4)
    ]
    packing = Packing(way="fused", least=2, most=4, device="cpu")
    together = [new_trial(spec) for spec in specs]
    done = dict(
        (trial.spec.number, segment)
        for trial, segment in train_packed(together, 12, packing, Programs())
    )
    for spec in specs:
        alone = new_trial(spec)
        train_to(alone, 12)
        assert done[spec.number].updates.columns[0] == pytest.approx(alone.train_losses, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("attribute", "agrees"), [("Quiet", True), ("Counting", False)])
def test_code_that_a_trace_would_freeze_trains_alone(
    file: Path, attribute: str, *, agrees: bool
) -> None:
    spec = spec_of(file, attribute)

    def build() -> RunningTrial:
        return new_trial(spec)

    if agrees:
        require_agreement(build, Programs())
        return
    with pytest.raises(ArithmeticError, match=r"alone and .* in a cohort"):
        require_agreement(build, Programs())


def test_microbatches_split_every_tensor(file: Path) -> None:
    trial = new_trial(spec_of(file, "Quiet"))
    parts = list(trial.batch(0).parts(2))
    assert [len(part.inputs["x"]) for part in parts] == [2, 2]
    assert torch.equal(
        torch.cat([part.inputs["y"][0] for part in parts]), trial.batch(0).inputs["y"][0]
    )


def test_moving_the_file_leaves_its_version(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(file, elsewhere / file.name)
    moved = own_family(elsewhere / file.name, "Quiet")
    assert moved.version == own_family(file, "Quiet").version
